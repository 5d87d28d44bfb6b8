// The wall display: what a room sees without touching anything.
import type { Locator } from '@playwright/test';
import { hasNoFault } from './support/axe';
import { Console } from './support/console';
import { type Api, expect, type Page, Server, signIn, test } from './support/fixtures';

test.describe.configure({ timeout: 180_000 });

const HERE = [9.9633, 76.2995] as const;
const ROSE_LANE = { latitude: HERE[0], longitude: HERE[1], scope: 'station:5', priority: 'high', address: 'Rose Lane' };

class Wall {
  constructor(readonly page: Page) {}
  get connection(): Locator {
    return this.page.getByRole('status').filter({ hasText: 'Connection:' });
  }
  get matters(): Locator {
    return this.page.getByRole('region', { name: 'Alerts and incidents' });
  }
  /** One of what matters, by words of it. */
  matter(words: string): Locator {
    return this.matters.getByRole('listitem').filter({ hasText: words });
  }
  /** How many units the wall counts under a word. */
  count(word: string): Locator {
    return this.page.getByRole('list', { name: 'Units on patrol, by status' }).getByRole('listitem').filter({ hasText: word });
  }
  /** The bar that says how far things are on the map: it changes when the map shows more or less. */
  get scale(): Locator {
    return this.page.locator('.leaflet-control-scale-line');
  }
  /** What the bar says once the map has shown the same for some seconds: it may fit more than once. */
  async settledScale(): Promise<string> {
    let last = '';
    const isSettled = async () => {
      const before = last;
      last = (await this.scale.textContent()) ?? '';
      return last === before;
    };
    await expect.poll(isSettled, { intervals: [4_000], timeout: 45_000 }).toBe(true);
    return last;
  }
  async isLive(): Promise<void> {
    await expect(this.connection).toHaveText(/: Live/, { timeout: 60_000 });
    await expect(this.scale).toBeVisible({ timeout: 60_000 });
  }
}

/** A station of its own, with nobody else in it. */
async function quiet(admin: Api, number: number): Promise<string> {
  const { items } = await admin.call<{ items: { scope: string; parent: string | null }[] }>('GET', '/api/v1/scopes?limit=1000');
  const parent = items.find(({ scope }) => scope === 'station:5')?.parent;
  const scope = `station:${number}`;
  await admin.call('POST', '/api/v1/scopes', { scope, name: `Quiet ${number}`, parent, site: HERE });
  return scope;
}

async function incident(admin: Api, kind: string): Promise<void> {
  await admin.call('POST', '/api/v1/incidents', { kind, ...ROSE_LANE });
}

test.afterEach(async ({ api }) => {
  const admin = await api('admin');
  await admin.acknowledgeAll();
  const { items } = await admin.call<{ items: { id: string }[] }>('GET', '/api/v1/incidents?limit=1000');
  for (const { id } of items) await admin.call('POST', `/api/v1/incidents/${id}/close`, {});
});

test('the wall counts the units of its scope, names it, and has nothing to press', async ({ api, openAs, page }) => {
  const zone3 = await api('zone3');
  await openAs('commander', '/wall?scope=zone:3');
  const wall = new Wall(page);
  await wall.isLive();
  await expect(async () => {
    const units = await zone3.units('zone:3');
    const of = (status: string) => String(units.filter((unit) => unit.status === status).length);
    await expect(wall.count('Available')).toContainText(of('available'), { timeout: 1_000 });
    await expect(wall.count('On task')).toContainText(of('on_task'), { timeout: 1_000 });
  }).toPass();
  await expect(wall.count('SOS')).toContainText('0');
  const { items } = await zone3.call<{ items: { scope: string; name: string }[] }>('GET', '/api/v1/scopes');
  const name = items.find(({ scope }) => scope === 'zone:3')?.name ?? '';
  await expect(page.getByRole('heading', { level: 1, name })).toBeVisible();
  for (const role of ['button', 'textbox', 'searchbox', 'listbox', 'navigation'] as const) await expect(page.getByRole(role)).toHaveCount(0);

  // What there is to press is the way back, for who moves the pointer.
  const leave = page.getByRole('link', { name: 'Leave the wall display' });
  await expect(page.getByRole('link')).toHaveCount(1);
  await expect(leave).toHaveCSS('opacity', '0');
  await page.mouse.move(300, 300);
  await page.mouse.move(310, 310);
  await expect(leave).toHaveCSS('opacity', '1');
  await expect(leave).toHaveCSS('opacity', '0');
  await page.keyboard.press('Escape');
  await expect(page).toHaveURL(/\/\?scope=zone(:|%3A)3$/);
  const ui = new Console(page);
  await ui.isLive();
  await page.getByLabel(/account and preferences/).click();
  await page.getByRole('link', { name: 'Wall display' }).click();
  await expect(page).toHaveURL(/\/wall\?scope=zone(:|%3A)3$/);
  await wall.isLive();
});

test('a unit that drives out of sight brings the map to fit again, and one on another continent does not', async ({ api, openAs, page }) => {
  const admin = await api('admin');
  const scope = await quiet(admin, 901);
  const [one, two, three] = [await admin.newUnit('E2E-W1', scope), await admin.newUnit('E2E-W2', scope), await admin.newUnit('E2E-W3', scope)];
  await one.postFix('E2E-W1', ...HERE);
  await two.postFix('E2E-W2', HERE[0] + 0.004, HERE[1]);
  await three.postFix('E2E-W3', HERE[0], HERE[1] + 0.004);
  await openAs('commander', `/wall?scope=${scope}`);
  const wall = new Wall(page);
  await wall.isLive();
  const near = (await wall.scale.textContent()) ?? '';
  expect(near).toMatch(/ m$/);

  await two.postFix('E2E-W2', HERE[0] + 0.1, HERE[1]);
  await expect(wall.scale, 'the map shows more').toHaveText(/ km$/, { timeout: 45_000 });
  const town = await wall.settledScale();
  await three.postFix('E2E-W3', 51.5, 0.1);
  await expect(page.getByText('1 unit is too far away for this picture')).toBeVisible({ timeout: 45_000 });
  await expect(wall.scale).toHaveText(town);
  await three.postFix('E2E-W3', HERE[0], HERE[1] + 0.004);
  await expect(page.getByText(/too far away for this picture/)).toBeHidden({ timeout: 45_000 });
});

test('a call for help is on the wall with its caller from near by, and gone when somebody elsewhere acknowledges it', async ({ api, browser, openAs, page, server }) => {
  const admin = await api('admin');
  await openAs('commander', '/wall?scope=zone:3');
  const wall = new Wall(page);
  await wall.isLive();
  await expect(wall.scale).toHaveText(/ km$/);
  const device = await admin.newUnit('E2E-WSOS', 'station:5');
  await device.callForHelp(...HERE);
  await expect(wall.matters.getByRole('listitem').first()).toContainText('E2E-WSOS');
  await expect(wall.count('SOS')).toContainText('1');
  await expect(page).toHaveTitle(/^\(1 SOS\) /);
  await expect(wall.scale, 'the map is nearer').toHaveText(/ m$/);

  const context = await browser.newContext();
  const other = await context.newPage();
  await signIn(other, 'chief5', '/', server.url);
  const chief = new Console(other);
  await chief.isLive();
  await chief.calls.getByRole('button', { name: /^Acknowledge SOS of E2E-WSOS/ }).click();
  await other.keyboard.press('Enter');
  await expect(wall.matter('E2E-WSOS')).toHaveCount(0);
  await expect(wall.count('SOS')).toContainText('0');
  await expect(wall.scale, 'the whole scope is in sight again').toHaveText(/ km$/, { timeout: 45_000 });
  await context.close();
});

test('an incident that is made elsewhere appears, with who is sent, and of many the rest is counted', async ({ api, browser, openAs, page, server }) => {
  const admin = await api('admin');
  await openAs('zone3', '/wall');
  const wall = new Wall(page);
  await wall.isLive();
  const context = await browser.newContext();
  const other = await context.newPage();
  await signIn(other, 'dispatcher', '/', server.url);
  const ui = new Console(other);
  await ui.isLive();
  const answer = await other.request.post(`${server.url}/api/v1/incidents`, {
    data: { kind: 'fire', ...ROSE_LANE },
    headers: { 'sec-fetch-site': 'same-origin', origin: server.url },
  });
  expect(answer.status(), await answer.text()).toBe(201);
  const { id } = (await answer.json()) as { id: string };
  const row = wall.matter('Fire').filter({ hasText: 'Rose Lane' });
  await expect(row).toContainText('High');
  await expect(row).toContainText('Nobody sent');
  const device = await admin.newUnit('E2E-WGO', 'station:5');
  await device.postFix('E2E-WGO', ...HERE);
  await admin.call('POST', `/api/v1/incidents/${id}/assign`, { unit_id: 'E2E-WGO' });
  await expect(row).toContainText('On the way: E2E-WGO');

  for (let i = 0; i < 14; i += 1) await incident(admin, 'theft');
  await expect(wall.matters.getByText(/and \d+ more/)).toBeVisible();
  const box = async (of: Locator) => (await of.boundingBox()) ?? { y: 0, height: 0 };
  const [last, more] = [await box(wall.matters.getByRole('listitem').last()), await box(wall.matters.getByText(/and \d+ more/))];
  expect(last.y + last.height, 'the last one is whole').toBeLessThanOrEqual(more.y + 1);
  await context.close();
});

test('the wall of a zone shows nothing of others, whatever the address says', async ({ api, openAs, page, watch }) => {
  watch.forgive(/status of 403/);
  const admin = await api('admin');
  const { items } = await admin.call<{ items: { scope: string; parent: string | null }[] }>('GET', '/api/v1/scopes?limit=1000');
  const above = new Map(items.map(({ scope, parent }) => [scope, parent]));
  const far = items.find(({ scope }) => scope.startsWith('station:') && above.get(above.get(scope) ?? '') !== 'zone:3')?.scope ?? '';
  const own = new Set((await (await api('zone3')).units('zone:3')).map(({ id }) => id));
  const others = async () => {
    const served = await page.request.get(page.url()).then((answer) => answer.text());
    const ids = `${served} ${await page.content()}`.match(/\bPC-\d{3}\b/g) ?? [];
    return ids.filter((id) => !own.has(id));
  };
  await openAs('zone3', '/wall');
  const wall = new Wall(page);
  await wall.isLive();
  await (await admin.newUnit('E2E-WFAR', far)).callForHelp(...HERE);
  await (await admin.newUnit('E2E-WOWN', 'station:5')).callForHelp(...HERE);
  await expect(wall.matter('E2E-WOWN')).toBeVisible();
  await expect(page.locator('body')).not.toContainText('E2E-WFAR');
  expect(await others()).toEqual([]);
  for (const scope of ['zone:1', 'district:1', 'nonsense']) {
    await page.goto(`/wall?scope=${scope}`);
    await expect(page.getByText('This area is not yours to see').first()).toBeVisible();
    await expect(page.getByRole('link', { name: 'Open my area' })).toHaveAttribute('href', '/wall?scope=zone:3');
    expect((await page.request.get(`/wall?scope=${scope}`)).status()).toBe(403);
    expect(await others()).toEqual([]);
  }
  // The same holds where the viewer sees more than the wall shows.
  await openAs('commander', '/wall?scope=zone:3');
  await wall.isLive();
  await expect(wall.matter('E2E-WOWN')).toBeVisible();
  await expect(page.locator('body')).not.toContainText('E2E-WFAR');
});

test('losing the server is said large, and the wall goes on by itself', async ({ page, watch }) => {
  watch.forgive(/./); // every request fails while nobody answers
  const server = await Server.start();
  try {
    await signIn(page, 'chief5', '/wall', server.url);
    const wall = new Wall(page);
    await wall.isLive();
    await page.evaluate(() => Object.assign(window, { sameDocument: true }));
    await server.down('SIGKILL');
    const said = page.getByRole('status').filter({ hasText: 'What you see is from then' });
    await expect(said).toContainText(/Offline since \d\d:\d\d/);
    const size = await said.getByText(/Offline since/).evaluate((element) => parseFloat(getComputedStyle(element).fontSize));
    expect(size, 'pixels of a page that is 1440 wide').toBeGreaterThan(40);
    await expect(page.locator('.map')).toHaveCSS('filter', /grayscale/);
    await server.up();
    await wall.isLive();
    await expect(said).toHaveCount(0);
    expect(await page.evaluate(() => 'sameDocument' in window), 'the page was not loaded again').toBe(true);
  } finally {
    await server.remove();
  }
});

test('a session that has ended is said large, and leads to the sign-in page and back to the wall', async ({ openAs, page, context }) => {
  await page.goto('/wall');
  await expect(page).toHaveURL(/\/login\?next=/);
  await openAs('chief5', '/wall');
  const wall = new Wall(page);
  await wall.isLive();
  const other = await context.newPage();
  await other.goto('/');
  await new Console(other).isLive();
  await new Console(other).signOut();
  const ended = page.getByRole('alertdialog', { name: 'Your session has ended' });
  await expect(ended).toBeVisible();
  const size = await ended.getByRole('heading').evaluate((element) => parseFloat(getComputedStyle(element).fontSize));
  expect(size).toBeGreaterThan(40);
  await page.keyboard.press('Enter');
  await expect(page).toHaveURL(/\/login\?next=(\/|%2F)wall/);
});

for (const look of ['dark', 'light'] as const) {
  test.describe(`${look}:`, () => {
    test.use({ look });
    test('axe finds no serious fault on the wall with a call and incidents', async ({ api, openAs, page }) => {
      const admin = await api('admin');
      await (await admin.newUnit(`E2E-WAXE-${look}`, 'station:5')).callForHelp(...HERE);
      await incident(admin, 'fire');
      await openAs('commander', '/wall');
      const wall = new Wall(page);
      await wall.isLive();
      await expect(wall.matter(`E2E-WAXE-${look}`)).toBeVisible();
      await hasNoFault(page);
    });
  });
}
