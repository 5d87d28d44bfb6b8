// What every test starts from: `import { test, expect } from './support/fixtures'`.
import { type Page, test as base, expect } from '@playwright/test';
import { Api, type Name, PASSWORD } from './api';
import { Server } from './server';
import { Watch } from './watch';

export { expect, type Page };
export { Api, type Name, PASSWORD, Server };

interface PerTest {
  watch: Watch;
  /** How the page looks: what the person chose some time before. */
  look: 'dark' | 'light' | 'system';
  /** Opens `path` as `name`, signed in through the sign-in form's own address. */
  openAs: (name: Name, path?: string) => Promise<Page>;
}
interface PerWorker {
  server: Server;
  /** The public API as a person of the demo; signed in once. */
  api: (name: Name) => Promise<Api>;
}

export const test = base.extend<PerTest, PerWorker>({
  server: [
    async ({}, use) => {
      const server = await Server.start();
      await use(server);
      await server.remove();
    },
    { scope: 'worker', timeout: 60_000 },
  ],
  api: [
    async ({ server }, use) => {
      const known = new Map<Name, Promise<Api>>();
      await use((name) => {
        const api = known.get(name) ?? Api.as(server, name);
        known.set(name, api);
        return api;
      });
    },
    { scope: 'worker' },
  ],
  baseURL: async ({ server }, use) => use(server.url),
  watch: [
    async ({ context, server }, use) => {
      const watch = new Watch(server.url);
      await watch.over(context);
      await use(watch);
      expect(watch.complaints, 'what no page of Sentinel may do').toEqual([]);
    },
    { auto: true },
  ],
  look: ['dark', { option: true }],
  context: async ({ context, look, server }, use) => {
    await context.addCookies([{ name: 'sentinel_theme', value: look, url: server.url }]);
    await use(context);
  },
  openAs: async ({ page }, use) => {
    await use(async (name, path = '/') => {
      await signIn(page, name, path);
      return page;
    });
  },
});

/** The quick way in, for tests that are not about signing in: the form's post, as a browser would send it. */
export async function signIn(page: Page, name: Name, path = '/', origin?: string): Promise<void> {
  const answer = await page.request.post(`${origin ?? ''}/login`, {
    form: { username: name, password: PASSWORD, next: path },
    headers: { 'sec-fetch-site': 'same-origin' },
    maxRedirects: 0,
  });
  expect(answer.status(), `signing in as ${name}`).toBeLessThan(400);
  await page.goto(`${origin ?? ''}${path}`);
}

/** The page has its socket and says so. */
export async function live(page: Page): Promise<void> {
  await expect(page.getByRole('status').filter({ hasText: /\blive\b/i }).first()).toBeVisible();
}
