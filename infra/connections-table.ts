import { RemovalPolicy, Stack, Token } from 'aws-cdk-lib';
import {
  AttributeType,
  Billing,
  type CfnGlobalTable,
  MultiRegionConsistency,
  ProjectionType,
  StreamViewType,
  TableEncryptionV2,
  TableV2,
} from 'aws-cdk-lib/aws-dynamodb';
import { type IKey, Key } from 'aws-cdk-lib/aws-kms';
import { Construct } from 'constructs';
import { APPEALS_INDEX, SWEEP_INDEX } from '../shared/tokens/index-names.ts';
import { TIME_TO_LIVE } from '../shared/tokens/other-items.ts';

/** Another Region that keeps the connections. */
export interface Replica {
  /** In the same Region set as the stack's own: the US, Europe, or Asia Pacific. */
  readonly region: string;
  /** The KMS key that encrypts the replica, in its Region. */
  readonly keyArn: string;
}

export interface ConnectionsTableProps {
  /**
   * A key of yours that encrypts the table, in its Region; another stack may have made it.
   * @default - a key of its own, which AWS rotates every year
   */
  readonly tableKey?: IKey;
  /**
   * What becomes of the table, and of the key and the secrets that are made with it, when the stack no longer has them.
   * Without them every account has to connect again. With `DESTROY` the table is not protected from deletion either.
   * @default RemovalPolicy.RETAIN
   */
  readonly removalPolicy?: RemovalPolicy;
  /**
   * Further Regions that keep the connections: two, or one and a witness. For a new table only.
   * @default - none
   */
  readonly replicas?: readonly Replica[];
  /**
   * A Region that only votes, in place of a second replica.
   * @default - none
   */
  readonly witnessRegion?: string;
  /**
   * How replicas agree; anything but `STRONG` is refused.
   * @default MultiRegionConsistency.STRONG
   */
  readonly multiRegionConsistency?: MultiRegionConsistency;
}

/**
 * The table of the connections and the key that encrypts it. By default both outlive the stack. A connection has no
 * time to live: it stays until its account disconnects, and a disconnected one holds no token.
 */
export class ConnectionsTable extends Construct {
  readonly key: IKey;
  readonly table: TableV2;

  constructor(
    scope: Construct,
    id: string,
    {
      tableKey,
      removalPolicy = RemovalPolicy.RETAIN,
      replicas = [],
      witnessRegion,
      multiRegionConsistency = MultiRegionConsistency.STRONG,
    }: ConnectionsTableProps,
  ) {
    super(scope, id);
    if (multiRegionConsistency !== MultiRegionConsistency.STRONG) {
      throw new Error(
        'Replicas with eventual consistency would lose rotations: the last writer wins, whatever its condition ' +
          'said. Leave multiRegionConsistency at STRONG.',
      );
    }
    const isMultiRegion = replicas.length > 0 || witnessRegion !== undefined;
    const knowsRegion = !Token.isUnresolved(Stack.of(this).region);
    if (isMultiRegion && !knowsRegion) {
      throw new Error('Replicas need a stack that knows its Region: give it env: { region }.');
    }
    this.key =
      tableKey ??
      new Key(this, 'Key', {
        description: 'Encrypts the Jobber connections.',
        enableKeyRotation: true,
        removalPolicy,
      });
    this.table = new TableV2(this, 'Table', {
      partitionKey: { name: 'accountId', type: AttributeType.STRING },
      globalSecondaryIndexes: [
        {
          indexName: SWEEP_INDEX,
          partitionKey: { name: 'sweepSlot', type: AttributeType.STRING },
          projectionType: ProjectionType.KEYS_ONLY,
        },
        {
          indexName: APPEALS_INDEX,
          partitionKey: { name: 'appealShard', type: AttributeType.NUMBER },
          sortKey: { name: 'appealAt', type: AttributeType.NUMBER },
          projectionType: ProjectionType.KEYS_ONLY,
        },
      ],
      dynamoStream: StreamViewType.NEW_AND_OLD_IMAGES,
      billing: Billing.onDemand(),
      encryption: knowsRegion
        ? TableEncryptionV2.customerManagedKey(
            this.key,
            Object.fromEntries(replicas.map(({ region, keyArn }) => [region, keyArn])),
          )
        : TableEncryptionV2.awsManagedKey(),
      // Global tables with strong consistency have no time to live: links that were used stay there, some 150 bytes each.
      ...(!isMultiRegion && { timeToLiveAttribute: TIME_TO_LIVE }),
      pointInTimeRecoverySpecification: { pointInTimeRecoveryEnabled: true },
      deletionProtection: removalPolicy !== RemovalPolicy.DESTROY,
      removalPolicy,
      ...(isMultiRegion && {
        replicas: replicas.map(({ region }) => ({ region })),
        multiRegionConsistency,
        ...(witnessRegion !== undefined && { witnessRegion }),
      }),
    });
    if (!knowsRegion) this.encryptWithKey();
  }

  /** `TableEncryptionV2.customerManagedKey` refuses a stack without a Region, so the key is put into the template itself. */
  private encryptWithKey(): void {
    const resource = this.table.node.defaultChild as CfnGlobalTable;
    resource.addPropertyOverride('Replicas.0.SSESpecification.KMSMasterKeyId', this.key.keyArn);
    // What the grants of the table look at.
    Object.assign(this.table, { encryptionKey: this.key });
  }
}
