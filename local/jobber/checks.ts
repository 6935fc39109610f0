/** Somebody uses the simulator in a way that it cannot mean: a typing error in a test, mostly. */
export class SimulatorUsageError extends Error {
  override readonly name = 'SimulatorUsageError';
}

export type Check = readonly [description: string, holds: (value: unknown) => boolean];
export type Checks = Readonly<Record<string, Check>>;

export const aString: Check = ['a string', (value) => typeof value === 'string'];
export const aBoolean: Check = ['true or false', (value) => typeof value === 'boolean'];
export const notNegative: Check = [
  'a number that is not negative',
  (value) => typeof value === 'number' && Number.isFinite(value) && value >= 0,
];
export const positive: Check = [
  'a positive number',
  (value) => typeof value === 'number' && Number.isFinite(value) && value > 0,
];
export const httpStatus: Check = [
  'an HTTP status from 200 to 599',
  (value) => Number.isInteger(value) && Number(value) >= 200 && Number(value) <= 599,
];
export const oneOf = (...values: readonly string[]): Check => [
  values.map((value) => `'${value}'`).join(' or '),
  (value) => typeof value === 'string' && values.includes(value),
];

/**
 * Unknown fields are refused too: a misspelt filter would otherwise match everything.
 * @throws SimulatorUsageError
 */
export function checkFields(
  subject: string,
  value: unknown,
  required: Checks,
  optional: Checks,
): asserts value is Record<string, unknown> {
  if (typeof value !== 'object' || value === null || Array.isArray(value))
    throw new SimulatorUsageError(`${subject} must be an object.`);
  for (const name of Object.keys(required))
    if (!Object.hasOwn(value, name)) throw new SimulatorUsageError(`${subject} needs '${name}'.`);
  const checks = { ...required, ...optional };
  for (const [name, field] of Object.entries(value)) {
    const check = Object.hasOwn(checks, name) ? checks[name] : undefined;
    if (!check) throw new SimulatorUsageError(`${subject} has no field '${name}'.`);
    const [description, holds] = check;
    if (!holds(field))
      throw new SimulatorUsageError(`${subject}: '${name}' must be ${description}.`);
  }
}
