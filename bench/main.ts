import { measureOperations } from './operations.ts';
import { startServices } from './services.ts';

const services = await startServices();
const r = await measureOperations(services, {
  repetitions: Number(process.argv[2] ?? 3),
  operationsEach: Number(process.argv[3] ?? 30),
});
for (const o of r.operations)
  console.log(
    o.design,
    o.operation,
    o.ms.median.toFixed(2),
    o.ofRaw.median.toFixed(3),
    o.ofRaw.from.toFixed(3),
    o.ofRaw.to.toFixed(3),
    JSON.stringify(o.consumed),
  );
console.log(r.cached, r.item);
await services.stop();
process.exit();
