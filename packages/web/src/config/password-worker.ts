import { parentPort, workerData } from 'node:worker_threads';
import { compareSync } from 'bcryptjs';
import type { PasswordJob } from './password-check.ts';

// The thread of one check: it says whether the password is right, and ends.
const { password, hash } = workerData as PasswordJob;
parentPort?.postMessage(compareSync(password, hash));
