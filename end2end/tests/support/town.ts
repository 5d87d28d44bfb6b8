// Two nodes and a worker over a Redis and a database of a test's own.
import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { BINARY, ROOT, Server } from './server';

/** Made with the Rust tests. */
const SERVICES = process.env.SENTINEL_SERVICES ?? join(ROOT, 'target/debug/sentinel-services');

/** Why there can be no town here; nothing where there can. */
export function missing(): string | undefined {
  if (!existsSync(SERVICES)) return `${SERVICES} is not built: cargo build -p sentinel-services`;
  for (const program of ['redis-server', 'redis-cli']) {
    try {
      execFileSync(program, ['--version']);
    } catch {
      return `${program} is not installed: ./setup.sh`;
    }
  }
  return undefined;
}

export class Town {
  private constructor(
    readonly nodes: [Server, Server],
    private readonly worker: ChildProcess,
    private readonly services: ChildProcess,
    private readonly redis: URL,
  ) {}

  static async start(): Promise<Town> {
    // It ends its servers when its standard input closes, so also when this process dies.
    const services = spawn(SERVICES, ['redis', 'ferretdb'], { stdio: ['pipe', 'pipe', 'inherit'] });
    const urls: Record<string, string> = {};
    for await (const line of createInterface({ input: services.stdout })) {
      const [name, url] = line.split(' ');
      if (name && url) urls[name] = url;
      if (Object.keys(urls).length === 2) break;
    }
    const { redis, ferretdb } = urls;
    if (!redis || !ferretdb) throw new Error(`not all services came: ${JSON.stringify(urls)}`);
    const env = { SENTINEL_REDIS_URL: redis, SENTINEL_MONGODB_URL: ferretdb };
    // The first makes the demo city and drives its units.
    const first = await Server.start({ flags: ['--demo'], env });
    const second = await Server.start({ env });
    const worker = spawn(BINARY, ['worker'], { stdio: 'ignore', env: { ...process.env, ...env } });
    return new Town([first, second], worker, services, new URL(redis));
  }

  /** Redis keeps its connections and answers nobody, as behind a network that is cut. */
  freezeRedis(): void {
    process.kill(this.redisProcess(), 'SIGSTOP');
  }

  thawRedis(): void {
    process.kill(this.frozen, 'SIGCONT');
  }

  private frozen = 0;

  private redisProcess(): number {
    const info = execFileSync('redis-cli', ['-p', this.redis.port, 'info', 'server']).toString();
    this.frozen = Number(/process_id:(\d+)/.exec(info)?.[1]);
    return this.frozen;
  }

  async remove(): Promise<void> {
    this.worker.kill('SIGKILL');
    for (const node of this.nodes) await node.remove();
    this.services.stdin?.end();
    this.services.kill();
  }
}
