export type Attribute = { S?: string; N?: string; B?: Uint8Array };

/** As DynamoDB counts: the names and the values, a number about a byte for two digits, and one. */
export function itemSize(item: Record<string, Attribute>): number {
  return Object.entries(item).reduce((size, [name, { S, N, B }]) => {
    const value = S?.length ?? B?.length ?? Math.ceil((N?.length ?? 0) / 2) + 1;
    return size + name.length + value;
  }, 0);
}
