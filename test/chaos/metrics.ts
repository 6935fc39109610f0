/** Adds up the metrics that the handlers print (CloudWatch's embedded format), and finds rotations of last resort. */
export function readMetrics(lastResort: (accountId: string, rotation: string) => void) {
  const sums: Record<string, number> = {};
  return {
    sums,
    read(line: string): void {
      const printed = parse(line);
      const { accountId, rotation } = printed;
      if (typeof accountId === 'string' && typeof rotation === 'string') {
        lastResort(accountId, rotation);
      }
      if (!('_aws' in printed)) return;
      for (const [name, value] of Object.entries(printed)) {
        const values = [value].flat().filter((each) => typeof each === 'number');
        sums[name] = values.reduce((sum, each) => sum + each, sums[name] ?? 0);
      }
    },
  };
}

function parse(line: string): Record<string, unknown> {
  try {
    return Object(JSON.parse(line));
  } catch {
    return {};
  }
}
