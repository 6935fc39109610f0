import {
  type ArgumentNode,
  type DocumentNode,
  type FieldNode,
  type FragmentDefinitionNode,
  getOperationAST,
  Kind,
  NoFragmentCyclesRule,
  type OperationDefinitionNode,
  parse,
  type SelectionSetNode,
  validate,
} from 'graphql';
import { LARGEST_PAGE, schema } from './graphql-schema.ts';

/** One operation of a document that was parsed; the schema may not know its fields. */
export interface Operation {
  readonly document: DocumentNode;
  readonly definition: OperationDefinitionNode;
  readonly variables: Readonly<Record<string, unknown>>;
}

/** @returns undefined for what is no GraphQL, or does not say which operation is meant. */
export function readOperation(
  source: string,
  operationName: string | undefined,
  variables: Readonly<Record<string, unknown>>,
): Operation | undefined {
  try {
    const document = parse(source);
    if (validate(schema, document, [NoFragmentCyclesRule]).length > 0) return undefined;
    const definition = getOperationAST(document, operationName);
    return definition ? { document, definition, variables } : undefined;
  } catch {
    return undefined;
  }
}

/**
 * Jobber's rule (API Rate Limits, "Cost Calculation"): a field costs 1, `edges`, `nodes` and `node` nothing, and a
 * connection what one of its nodes costs, times `first` or `last`.
 */
export function requestedCost(operation: Operation): number {
  const fieldsOf = fieldReader(operation.document);
  return costOf(fieldsOf(operation.definition.selectionSet));

  function costOf(fields: readonly FieldNode[]): number {
    return fields.reduce((sum, field) => sum + costOfField(field), 0);
  }

  function costOfField({ name, selectionSet, arguments: given = [] }: FieldNode): number {
    if (!selectionSet) return 1;
    const fields = fieldsOf(selectionSet);
    const nodes = fields.filter(holdsNodes);
    if (nodes.length === 0) return (name.value === 'node' ? 0 : 1) + costOf(fields);
    const ofOneNode = nodes.flatMap((each) =>
      each.selectionSet ? fieldsOf(each.selectionSet) : [],
    );
    const beside = fields.filter((field) => !holdsNodes(field));
    return pageSize(given, operation.variables) * costOf(ofOneNode) + costOf(beside);
  }
}

/** The names of all fields, at any depth. */
export function fieldNames({ document, definition }: Operation): string[] {
  const fieldsOf = fieldReader(document);
  const namesIn = (selection: SelectionSetNode): string[] =>
    fieldsOf(selection).flatMap(({ name, selectionSet }) => [
      name.value,
      ...(selectionSet ? namesIn(selectionSet) : []),
    ]);
  return namesIn(definition.selectionSet);
}

const holdsNodes = ({ name }: FieldNode) => /^(?:edges|nodes)$/.test(name.value);

/** Reads selections with their fragments spread. */
function fieldReader(document: DocumentNode) {
  const fragments = new Map<string, FragmentDefinitionNode>();
  for (const definition of document.definitions)
    if (definition.kind === Kind.FRAGMENT_DEFINITION)
      fragments.set(definition.name.value, definition);

  return function fieldsOf({ selections }: SelectionSetNode): FieldNode[] {
    return selections.flatMap((selection) => {
      if (selection.kind === Kind.FIELD) return [selection];
      if (selection.kind === Kind.INLINE_FRAGMENT) return fieldsOf(selection.selectionSet);
      const fragment = fragments.get(selection.name.value);
      return fragment ? fieldsOf(fragment.selectionSet) : [];
    });
  };
}

function pageSize(
  given: readonly ArgumentNode[],
  variables: Readonly<Record<string, unknown>>,
): number {
  const size = given.find(({ name }) => name.value === 'first' || name.value === 'last')?.value;
  if (size?.kind === Kind.INT) return Number(size.value);
  if (size?.kind === Kind.VARIABLE) return Number(variables[size.name.value] ?? LARGEST_PAGE);
  return LARGEST_PAGE;
}
