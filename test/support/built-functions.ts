import { buildFunctions } from '../../build/functions.ts';

/** What the construct deploys, of the present sources. */
export default buildFunctions;
