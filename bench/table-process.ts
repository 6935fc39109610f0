import dynalite from 'dynalite';
import { listen } from '../local/listen.ts';
import { serve } from './serve.ts';

/* A DynamoDB in memory, in a process that does nothing else; it answers with the CPU time it has used, in milliseconds. */

const port = await listen(dynalite({ createTableMs: 0, deleteTableMs: 0 }), 0);
const cpuMs = () => {
  const { user, system } = process.cpuUsage();
  return (user + system) / 1000;
};
serve(async () => cpuMs(), { url: `http://127.0.0.1:${port}` });
