// Administration: pages of the server alone, so most of this is tried without JavaScript too.
import AxeBuilder from '@axe-core/playwright';
import type { Page } from '@playwright/test';
import { expect, type Server, test } from './support/fixtures';

/** A program that has nothing but a key or a token. */
function asProgram(server: Server, token: string, path: string, body?: unknown): Promise<Response> {
  return fetch(server.url + path, {
    method: body ? 'POST' : 'GET',
    headers: { authorization: `Bearer ${token}`, 'content-type': 'application/json' },
    body: body ? JSON.stringify(body) : undefined,
  });
}

const aFix = () => ({ location: { timestamp: new Date().toISOString(), coords: { latitude: 9.9658, longitude: 76.2997 } } });

async function makesAKeyAndRevokesIt(page: Page, server: Server, name: string): Promise<void> {
  await page.getByRole('link', { name: 'Make a key' }).click();
  await page.getByRole('textbox', { name: 'Name' }).fill(name);
  await page.getByRole('combobox', { name: 'Scope' }).selectOption('zone:3');
  await page.getByRole('checkbox', { name: 'Ingest' }).check();
  await page.getByRole('button', { name: 'Make the key' }).click();
  const key = await page.locator('#secret').innerText();
  expect((await asProgram(server, key, '/api/v1/units?limit=1')).status).toBe(200);

  await page.getByRole('link', { name: 'I have copied it' }).click();
  await expect(page.locator('body')).not.toContainText(key);
  const row = page.getByRole('row').filter({ hasText: name });
  await expect(row).toContainText('Read, Ingest');
  await expect(row).toContainText('In use');
  await row.getByLabel(`Revoke ${name}`).click();
  await row.getByRole('button', { name: 'Revoke this key' }).click();
  await expect(page.getByRole('status')).toContainText('revoked');
  await expect(page.getByRole('row').filter({ hasText: name })).toContainText('Revoked');
  expect((await asProgram(server, key, '/api/v1/units?limit=1')).status).toBe(401);
}

async function connectsAPhone(page: Page, server: Server, id: string): Promise<void> {
  await page.goto('/admin/units');
  await page.getByRole('searchbox', { name: 'Search units' }).fill(id);
  await page.getByRole('button', { name: 'Search' }).click();
  await page.getByRole('link', { name: id, exact: true }).click();
  await expect(page.getByRole('heading', { level: 1, name: id })).toBeVisible();
  await expect(page.getByRole('alert')).toContainText('Phones cannot reach');
  await page.getByLabel(`Make a new token for ${id}`).click();
  await page.getByRole('button', { name: 'End the old token, make a new one' }).click();
  const token = await page.locator('#token').innerText();
  await expect(page.getByRole('img', { name: 'Code for Traccar Client' })).toBeVisible();
  expect((await asProgram(server, token, '/api/v1/locations', aFix())).status).toBe(200);
  await page.goto(`/admin/units/${id}`);
  await expect(page.locator('body')).not.toContainText(token);
}

test('a key is made, works, is revoked and refused', async ({ openAs, page, server }) => {
  await openAs('admin', '/admin/keys');
  await makesAKeyAndRevokesIt(page, server, 'Depot export');
});

test('a new token is shown once, and a phone posts with it', async ({ api, openAs, page, server }) => {
  await (await api('admin')).newUnit('ADM-1', 'station:5');
  await openAs('admin', '/admin');
  await connectsAPhone(page, server, 'ADM-1');
});

test('what is shown once is copied by a button', async ({ context, openAs, page }) => {
  await context.grantPermissions(['clipboard-read', 'clipboard-write']);
  await openAs('admin', '/admin/new-unit');
  await page.getByLabel('Id').fill('ADM-2');
  await page.getByLabel('Station').selectOption('station:5');
  await page.getByRole('button', { name: 'Add the unit' }).click();
  await page.getByRole('button', { name: 'Copy the token' }).click();
  await expect(page.getByRole('button', { name: 'Copy the token' })).toContainText('Copied');
  const token = await page.locator('#token').innerText();
  expect(await page.evaluate(() => navigator.clipboard.readText())).toBe(token);
});

test('a chief sees the own station alone, and no keys', async ({ api, openAs, page, watch }) => {
  watch.forgive(/status of 403/);
  const own = await (await api('chief5')).units('station:5');
  await openAs('chief5', '/admin/units');
  await expect(page.getByRole('rowheader')).toHaveCount(own.length);
  for (const unit of own) await expect(page.getByRole('rowheader').filter({ hasText: unit.id })).toBeVisible();
  const answer = await page.goto('/admin/keys');
  expect(answer?.status()).toBe(403);
  await expect(page.getByRole('heading', { level: 1 })).toContainText('not yours');
});

test.describe('without JavaScript', () => {
  test.use({ javaScriptEnabled: false });

  test('a key is made, works, is revoked and refused', async ({ openAs, page, server }) => {
    await openAs('admin', '/admin/keys');
    await makesAKeyAndRevokesIt(page, server, 'Plain');
  });

  test('a phone is connected', async ({ api, openAs, page, server }) => {
    await (await api('admin')).newUnit('ADM-3', 'station:5');
    await openAs('admin', '/admin');
    await connectsAPhone(page, server, 'ADM-3');
  });
});

const PAGES = ['/admin/units?q=PC-00', '/admin/units/PC-001', '/admin/new-unit', '/admin/keys', '/admin/new-key'];

for (const { look, viewport } of [
  { look: 'dark', viewport: { width: 1440, height: 900 } },
  { look: 'light', viewport: { width: 390, height: 844 } },
] as const) {
  test.describe(`${look}, ${viewport.width} wide:`, () => {
    test.use({ look, viewport });

    for (const path of PAGES) {
      test(`axe finds no serious fault on ${path}, and nothing is wider than the screen`, async ({ openAs, page }) => {
        await openAs('admin', path);
        await isSound(page);
      });
    }

    test('axe finds no serious fault where a key is shown, and nothing is wider than the screen', async ({ openAs, page }) => {
      await openAs('admin', '/admin/new-key');
      await page.getByRole('textbox', { name: 'Name' }).fill('axe');
      await page.getByRole('button', { name: 'Make the key' }).click();
      await isSound(page);
    });
  });
}

async function isSound(page: Page): Promise<void> {
  // Everything that opens is looked at too.
  for (const closed of await page.locator('main details:not([name])').all()) {
    await closed.evaluate((details: HTMLDetailsElement) => (details.open = true));
  }
  const { violations } = await new AxeBuilder({ page })
    .withTags(['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'wcag22aa', 'best-practice'])
    .analyze();
  const grave = violations.filter(({ impact }) => impact === 'serious' || impact === 'critical');
  const told = grave.map(({ id, help, nodes }) => `${id}: ${help}\n${nodes.map((node) => `  ${node.html}\n  ${node.failureSummary}`).join('\n')}`);
  expect(told, `what axe calls serious or critical of ${page.url()}`).toEqual([]);
  const over = await page.evaluate(() => document.documentElement.scrollWidth - document.documentElement.clientWidth);
  expect(over, `${page.url()} is wider than the screen`).toBeLessThanOrEqual(0);
}
