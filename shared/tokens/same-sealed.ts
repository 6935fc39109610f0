/** Whether two sealed values are the same, byte for byte. The same token sealed twice is not. */
export const sameSealed = (a: Uint8Array | undefined, b: Uint8Array | undefined): boolean =>
  a !== undefined && b !== undefined && Buffer.compare(a, b) === 0;
