// The public API, as a program with a sign-in uses it.
import type { Server } from './server';

export const PASSWORD = 'sentinel-demo';
export type Name = 'admin' | 'commander' | 'zone3' | 'chief5' | 'dispatcher';

export interface Location {
  latitude: number;
  longitude: number;
  time: string;
  speed_mps: number | null;
}
export interface Unit {
  id: string;
  name: string;
  station: string;
  status: string;
  patrol_id: unknown;
  location: Location | null;
}
interface Page<T> {
  items: T[];
  next: string | null;
}

export class Api {
  private constructor(
    readonly server: Server,
    private readonly authorization: string,
  ) {}

  static async as(server: Server, username: Name): Promise<Api> {
    const answer = await fetch(`${server.url}/api/v1/auth/login`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ username, password: PASSWORD }),
    });
    if (!answer.ok) throw new Error(`sign-in of ${username}: ${answer.status} ${await answer.text()}`);
    const { token } = (await answer.json()) as { token: string };
    return new Api(server, `Bearer ${token}`);
  }

  with(token: string): Api {
    return new Api(this.server, `Bearer ${token}`);
  }

  fetch(method: string, path: string, body?: unknown): Promise<Response> {
    return fetch(this.server.url + path, {
      method,
      headers: { authorization: this.authorization, ...(body ? { 'content-type': 'application/json' } : {}) },
      body: body ? JSON.stringify(body) : undefined,
    });
  }

  async status(path: string): Promise<number> {
    const answer = await this.fetch('GET', path);
    await answer.body?.cancel();
    return answer.status;
  }

  async call<T>(method: string, path: string, body?: unknown): Promise<T> {
    const answer = await this.fetch(method, path, body);
    if (!answer.ok) throw new Error(`${method} ${path}: ${answer.status} ${await answer.text()}`);
    return (await answer.json()) as T;
  }

  async units(scope: string): Promise<Unit[]> {
    const units: Unit[] = [];
    let cursor: string | null = '';
    while (cursor !== null) {
      const more: string = cursor && `&cursor=${encodeURIComponent(cursor)}`;
      const page: Page<Unit> = await this.call('GET', `/api/v1/units?scope=${scope}&limit=100${more}`);
      units.push(...page.items);
      cursor = page.next;
    }
    return units;
  }

  /** A unit that only this test knows, and its token. */
  async newUnit(id: string, station: string): Promise<Api> {
    const made = await this.call<{ ingest_token: string }>('POST', '/api/v1/units', { id, name: id, kind: 'patrol_car', station });
    return this.with(made.ingest_token);
  }

  /** One fix, now, by whoever holds this token; the first one starts the unit's patrol. */
  async postFix(unit_id: string, latitude: number, longitude: number, speed = 8): Promise<void> {
    const location = { timestamp: new Date().toISOString(), coords: { latitude, longitude, speed, heading: 90 } };
    const answer = await this.call<{ accepted: number }>('POST', '/api/v1/locations', { unit_id, location });
    if (answer.accepted !== 1) throw new Error(`the fix was not accepted: ${JSON.stringify(answer)}`);
  }

  /** An SOS, now or some time ago, by the device that holds this token. */
  async callForHelp(latitude: number, longitude: number, ago_ms = 0): Promise<void> {
    const location = { timestamp: new Date(Date.now() - ago_ms).toISOString(), coords: { latitude, longitude }, alarm: 'sos' };
    await this.call('POST', '/api/v1/locations', { location });
  }

  /** So much is too fast in a scope, and so long an alert waits there before it goes up. */
  async alertRules(scope: string, rules: { speed_limit_mps?: number; escalate_after_s?: number }): Promise<void> {
    await this.call('PUT', `/api/v1/scopes/${scope}/alert-rules`, rules);
  }

  /** Nobody waits for help any more. */
  async acknowledgeAll(): Promise<void> {
    const { items } = await this.call<Page<{ id: string }>>('GET', '/api/v1/alerts?state=open&limit=1000');
    for (const { id } of items) await this.call('POST', `/api/v1/alerts/${id}/acknowledge`, {});
  }
}
