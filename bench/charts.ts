export const charts = (_: unknown): Record<string, string> => ({});
