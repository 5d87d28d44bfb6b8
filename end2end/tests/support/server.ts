// A real Sentinel of a test's own: the built binary, a free port, an empty data folder.
import { type ChildProcess, spawn } from 'node:child_process';
import { createWriteStream, mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

export const ROOT = fileURLToPath(new URL('../../../', import.meta.url));
export const BINARY = process.env.SENTINEL_BIN ?? join(ROOT, 'target/release/sentinel');
const LOGS = join(ROOT, 'target/e2e-server-logs');
export const READY_WITHIN_MS = 30_000;

function freePort(): Promise<number> {
  return new Promise((resolve, reject) => {
    const probe = createServer();
    probe.once('error', reject);
    probe.listen(0, '127.0.0.1', () => {
      const address = probe.address();
      probe.close(() => (address && typeof address === 'object' ? resolve(address.port) : reject(new Error('no port'))));
    });
  });
}

/** How a server is started beside its address and its folder. */
export interface Options {
  flags?: string[];
  env?: Record<string, string>;
}

export class Server {
  private process: ChildProcess | undefined;
  private output = '';
  private constructor(
    readonly url: string,
    private readonly data: string,
    private readonly options: Options,
  ) {}

  static async start(options: Options = { flags: ['--demo', '--webhook-allow', '127.0.0.1'] }): Promise<Server> {
    const data = mkdtempSync(join(tmpdir(), 'sentinel-e2e-'));
    const server = new Server(`http://127.0.0.1:${await freePort()}`, data, options);
    await server.up();
    return server;
  }

  /** Starts it (again) at the same address with the same data; back when it says it is ready. */
  async up(): Promise<void> {
    mkdirSync(LOGS, { recursive: true });
    const log = createWriteStream(join(LOGS, `${new URL(this.url).port}.log`), { flags: 'a' });
    const listen = new URL(this.url).host;
    const { flags = [], env = {} } = this.options;
    const child = spawn(BINARY, ['serve', '--listen', listen, '--data', this.data, ...flags], {
      stdio: ['ignore', 'pipe', 'pipe'],
      env: { ...process.env, ...env },
    });
    this.process = child;
    this.output = '';
    for (const stream of [child.stdout, child.stderr]) {
      stream?.on('data', (chunk: Buffer) => {
        log.write(chunk);
        this.output = (this.output + chunk.toString()).slice(-4000);
      });
    }
    let ended: string | undefined;
    child.once('error', (error) => (ended = `${error.message} (is it built? make build)`));
    child.once('exit', (code, signal) => (ended = `it ended with ${code ?? signal}`));

    const deadline = Date.now() + READY_WITHIN_MS;
    while (!(await this.ready())) {
      if (ended) throw new Error(`the server did not start: ${ended}\n${this.output}`);
      if (Date.now() > deadline) throw new Error(`the server was not ready in time\n${this.output}`);
      await new Promise((next) => setTimeout(next, 50));
    }
  }

  private async ready(): Promise<boolean> {
    return fetch(`${this.url}/readyz`).then((answer) => answer.ok, () => false);
  }

  /** Ends it; `SIGTERM` is what an operator does, `SIGKILL` what a power cut does. */
  async down(signal: 'SIGTERM' | 'SIGKILL' = 'SIGTERM'): Promise<void> {
    const child = this.process;
    if (!child || child.exitCode !== null || child.signalCode !== null) return;
    const gone = new Promise((resolve) => child.once('exit', resolve));
    child.kill(signal);
    const late = setTimeout(() => child.kill('SIGKILL'), 15_000);
    await gone;
    clearTimeout(late);
  }

  async remove(): Promise<void> {
    await this.down('SIGKILL');
    rmSync(this.data, { recursive: true, force: true });
  }
}
