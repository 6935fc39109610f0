import dynalite from 'dynalite';
import { listen } from '../local/listen.ts';
import { serve } from './processes.ts';

/* A DynamoDB in memory, in a process that does nothing else. */

const port = await listen(dynalite({ createTableMs: 0, deleteTableMs: 0 }), 0);
serve(async () => undefined, { url: `http://127.0.0.1:${port}` });
