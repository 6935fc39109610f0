import { RemovalPolicy, Stack, Token } from 'aws-cdk-lib';
import {
  AttributeType,
  Billing,
  type CfnGlobalTable,
  MultiRegionConsistency,
  ProjectionType,
  TableEncryptionV2,
  TableV2,
} from 'aws-cdk-lib/aws-dynamodb';
import { Key } from 'aws-cdk-lib/aws-kms';
import { Construct } from 'constructs';
import { DUE_INDEX } from '../shared/tokens/due-index.ts';

/** Another Region that keeps the connections. */
export interface Replica {
  /** In the same Region set as the stack's own: the US, Europe, or Asia Pacific. */
  readonly region: string;
  /** The KMS key that encrypts the replica, in its Region. */
  readonly keyArn: string;
}

export interface ConnectionsTableProps {
  readonly replicas?: readonly Replica[];
  readonly witnessRegion?: string;
}

/**
 * The table of the connections and the key that encrypts it. Both outlive the stack. No attribute is a
 * time to live: a connection stays until its account disconnects, and a disconnected one holds no token.
 */
export class ConnectionsTable extends Construct {
  readonly key: Key;
  readonly table: TableV2;

  constructor(
    scope: Construct,
    id: string,
    { replicas = [], witnessRegion }: ConnectionsTableProps,
  ) {
    super(scope, id);
    const isMultiRegion = replicas.length > 0 || witnessRegion !== undefined;
    if (Token.isUnresolved(Stack.of(this).region)) {
      throw new Error(
        'A table with a key of its own needs to know its Region: give the stack env: { region }.',
      );
    }
    this.key = new Key(this, 'Key', {
      description: 'Encrypts the Jobber connections.',
      enableKeyRotation: true,
      removalPolicy: RemovalPolicy.RETAIN,
    });
    this.table = new TableV2(this, 'Table', {
      partitionKey: { name: 'accountId', type: AttributeType.STRING },
      globalSecondaryIndexes: [
        {
          indexName: DUE_INDEX,
          partitionKey: { name: 'sweepShard', type: AttributeType.NUMBER },
          sortKey: { name: 'accessTokenExpiresAt', type: AttributeType.NUMBER },
          projectionType: ProjectionType.KEYS_ONLY,
        },
      ],
      billing: Billing.onDemand(),
      encryption: TableEncryptionV2.customerManagedKey(
        this.key,
        Object.fromEntries(replicas.map(({ region, keyArn }) => [region, keyArn])),
      ),
      pointInTimeRecoverySpecification: { pointInTimeRecoveryEnabled: true },
      deletionProtection: true,
      removalPolicy: RemovalPolicy.RETAIN,
      ...(isMultiRegion && {
        replicas: replicas.map(({ region }) => ({ region })),
        multiRegionConsistency: MultiRegionConsistency.STRONG,
        ...(witnessRegion !== undefined && { witnessRegion }),
      }),
    });
    this.node.addValidation({ validate: () => this.weakConsistency() });
  }

  /** Also of a table that was changed from outside, by `addReplica` or in its CloudFormation. */
  private weakConsistency(): string[] {
    const table = this.table.node.defaultChild as CfnGlobalTable;
    const { replicas, multiRegionConsistency } = Stack.of(this).resolve({
      replicas: table.replicas,
      multiRegionConsistency: table.multiRegionConsistency,
    });
    if (replicas.length < 2 || multiRegionConsistency === MultiRegionConsistency.STRONG) return [];
    return [
      'Replicas with eventual consistency would lose rotations: the last writer wins, whatever its condition said. ' +
        'Use the property replicas of JobberTokens, which makes them strongly consistent.',
    ];
  }
}
