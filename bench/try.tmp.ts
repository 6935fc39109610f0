import { startServices } from './services.ts';
import { measureStampede } from './stampede.ts';

const services = await startServices();
const t = performance.now();
const r = await measureStampede(services, {
  rounds: Number(process.argv[2]),
  processes: 8,
  callers: 1000,
  endpointMs: 200,
  secondsEach: Number(process.argv[3] ?? 20),
});
const f = (s: any) => `${s.median.toFixed(1)} (${s.from.toFixed(1)}-${s.to.toFixed(1)})`;
console.log('raw', f(r.raw));
for (const d of r.designs)
  console.log(
    d.design.padEnd(22),
    'rounds',
    d.rounds,
    'redemptions',
    f(d.redemptions),
    'errors',
    d.errors,
    'p50',
    f(d.p50),
    'p99',
    f(d.p99),
    'calls',
    f(d.callsPerCaller),
    'lost',
    d.lost,
  );
console.log((performance.now() - t) / 1000);
await services.stop();
process.exit();
