/** JSON that is short where it meets bytes. */
export const asText = (value: unknown): string =>
  JSON.stringify(value, (_, each: unknown) => {
    if (each instanceof Uint8Array) return Buffer.from(each).toString('base64');
    const buffer = each as { type?: string; data?: number[] } | null;
    return buffer?.type === 'Buffer' ? Buffer.from(buffer.data ?? []).toString('base64') : each;
  });
