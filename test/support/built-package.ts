import { buildPackage } from '../../build/main.ts';

/** What is deployed and what is packed, of the present sources. */
export default buildPackage;
