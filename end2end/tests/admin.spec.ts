// Administration: pages of the server alone, so most of this is tried without JavaScript too.
import AxeBuilder from '@axe-core/playwright';
import type { Page } from '@playwright/test';
import { expect, type Server, test } from './support/fixtures';
import { Receiver } from './support/receiver';

/** A program that has nothing but a key or a token. */
function asProgram(server: Server, token: string, path: string, body?: unknown): Promise<Response> {
  return fetch(server.url + path, {
    method: body ? 'POST' : 'GET',
    headers: { authorization: `Bearer ${token}`, 'content-type': 'application/json' },
    body: body ? JSON.stringify(body) : undefined,
  });
}

const aFix = () => ({ location: { timestamp: new Date().toISOString(), coords: { latitude: 9.9658, longitude: 76.2997 } } });

/** Loads the answer of a form anew, which sends the form again: nothing more is done. */
async function loadsAnew(page: Page, secret: string): Promise<void> {
  await page.reload();
  await expect(page.getByRole('heading', { level: 1 })).toHaveText('This was done already');
  await expect(page.locator('body')).not.toContainText(secret);
  await page.locator('main').getByRole('link').click();
}

async function makesAKeyAndRevokesIt(page: Page, server: Server, name: string): Promise<void> {
  await page.getByRole('link', { name: 'Make a key' }).click();
  await page.getByRole('textbox', { name: 'Name' }).fill(name);
  await page.getByRole('combobox', { name: 'Scope' }).selectOption('zone:3');
  await page.getByRole('checkbox', { name: 'Ingest' }).check();
  await page.getByRole('button', { name: 'Make the key' }).click();
  const key = await page.locator('#secret').innerText();
  expect((await asProgram(server, key, '/api/v1/units?limit=1')).status).toBe(200);

  await loadsAnew(page, key);
  await expect(page.getByRole('row').filter({ hasText: name })).toHaveCount(1);
  expect((await asProgram(server, key, '/api/v1/units?limit=1')).status, 'the one that was shown holds').toBe(200);
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
  await loadsAnew(page, token);
  await expect(page).toHaveURL(`/admin/units/${id}`);
  const bad = aFix();
  bad.location.coords.latitude = 91;
  expect((await asProgram(server, token, '/api/v1/locations', bad)).status, 'the one that was shown holds').toBe(200);
  await page.reload();
  await expect(page.getByRole('region', { name: 'Points set aside' })).toContainText('latitude 91 is outside');
}

/** Looks again until the newest delivery is so. */
async function newestBecomes(page: Page, word: string): Promise<void> {
  await expect(async () => {
    await page.getByRole('link', { name: 'Look again' }).click();
    await expect(page.locator('.deliveries > li').first()).toContainText(word, { timeout: 1_000 });
  }).toPass();
}

async function tellsASystemElsewhere(page: Page, name: string): Promise<void> {
  const receiver = await Receiver.start();
  await page.goto('/admin/webhooks');
  await page.getByRole('link', { name: 'Add an endpoint' }).click();
  await page.getByRole('textbox', { name: 'Name' }).fill(name);
  await page.getByRole('textbox', { name: 'Address' }).fill('https://10.0.0.1/hook');
  await page.getByRole('combobox', { name: 'Scope' }).selectOption('zone:3');
  // Nothing that the demo's units do by themselves.
  await page.getByRole('checkbox', { name: 'All events' }).uncheck();
  await page.getByRole('checkbox', { name: 'alert.sos' }).check();
  await page.getByRole('button', { name: 'Add the endpoint' }).click();
  await expect(page.getByRole('alert')).toContainText('--webhook-allow');
  await expect(page.getByRole('textbox', { name: 'Name' })).toHaveValue(name);
  await page.getByRole('textbox', { name: 'Address' }).fill(receiver.url);
  await page.getByRole('button', { name: 'Add the endpoint' }).click();
  const secret = await page.locator('#secret').innerText();
  await loadsAnew(page, secret);
  await page.getByRole('link', { name }).click();

  await page.getByRole('button', { name: 'Send a test' }).click();
  await expect(page.getByRole('status')).toContainText('on its way');
  await newestBecomes(page, 'Delivered');
  expect(receiver.got.map((got) => Receiver.isSigned(got, secret))).toEqual([true]);

  receiver.status = 503;
  await page.getByRole('button', { name: 'Send a test' }).click();
  await newestBecomes(page, '1 attempt');
  const newest = page.locator('.deliveries > li').first();
  await expect(newest).toContainText('Waiting');
  await newest.locator('summary').click();
  await expect(newest).toContainText('answered 503');
  await expect(newest).toContainText('The roster is being restored');
  await expect(newest.getByLabel('What is sent')).toContainText('"type":"ping"');
  receiver.status = 200;
  await newest.getByRole('button', { name: 'Send it again' }).click();
  await newestBecomes(page, 'Delivered');
  expect(receiver.got.at(-1)?.headers['webhook-id']).toBe(receiver.got.at(-2)?.headers['webhook-id']);

  await page.getByLabel(`Make a new secret for ${name}`).click();
  await page.getByRole('button', { name: 'Make a new secret' }).click();
  expect(await page.locator('#secret').innerText()).not.toBe(secret);
  await page.getByRole('link', { name: 'I have copied it' }).click();
  await page.getByRole('button', { name: 'Switch off' }).click();
  await expect(page.getByRole('button', { name: 'Send a test' })).toHaveCount(0);
  await page.getByLabel(`Remove ${name}`).click();
  await page.getByRole('button', { name: 'Remove the endpoint' }).click();
  await expect(page.getByRole('status')).toContainText('removed');
  await expect(page.locator('body')).not.toContainText(name);
  receiver.stop();
}

test('a key is made, works, is revoked and refused', async ({ openAs, page, server, watch }) => {
  watch.forgive(/status of 409/);
  await openAs('admin', '/admin/keys');
  await makesAKeyAndRevokesIt(page, server, 'Depot export');
});

test('a system elsewhere is told, and told again what it did not take', async ({ openAs, page, watch }) => {
  watch.forgive(/status of 4(00|09)/);
  await openAs('zone3', '/admin/webhooks');
  await tellsASystemElsewhere(page, 'Duty roster');
});

test('the menu leads to the administration whoever has something to manage', async ({ openAs, page, watch }) => {
  watch.forgive(/./);
  for (const [name, links] of [['admin', 1], ['zone3', 1], ['chief5', 0], ['dispatcher', 0]] as const) {
    await openAs(name, '/');
    await expect(page.locator('a[href="/api/docs"]')).toHaveCount(1);
    await expect(page.locator('a[href="/admin"]'), name).toHaveCount(links);
  }
});

test('a commander keeps webhooks and sees no keys', async ({ openAs, page }) => {
  await openAs('zone3', '/admin');
  const menu = page.getByRole('navigation', { name: 'Administration' });
  await expect(menu.getByRole('link')).toHaveText(['Units', 'Webhooks', 'Reports']);
  await menu.getByRole('link', { name: 'Webhooks' }).click();
  await expect(page.getByRole('heading', { level: 1 })).toHaveText('Webhooks');
});

test('a new token is shown once, and a phone posts with it', async ({ api, openAs, page, server, watch }) => {
  watch.forgive(/status of 409/);
  await (await api('admin')).newUnit('ADM-1', 'station:5');
  await openAs('admin', '/admin');
  await connectsAPhone(page, server, 'ADM-1');
});

test('a chief sees why a unit is not seen and is offered no phone to connect', async ({ openAs, page }) => {
  await openAs('chief5', '/admin/units');
  await page.getByRole('rowheader').filter({ hasText: /^PC-/ }).first().getByRole('link').click();
  await expect(page.getByRole('region', { name: 'Points set aside' })).toContainText('None.');
  await expect(page.locator('body')).not.toContainText('Connect a phone');
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

test('a chief sees the own station alone, no keys and no webhooks', async ({ api, openAs, page, watch }) => {
  watch.forgive(/status of 403/);
  const own = await (await api('chief5')).units('station:5');
  await openAs('chief5', '/admin/units');
  await expect(page.getByRole('rowheader')).toHaveCount(own.length);
  for (const unit of own) await expect(page.getByRole('rowheader').filter({ hasText: unit.id })).toBeVisible();
  for (const path of ['/admin/keys', '/admin/webhooks']) {
    expect((await page.goto(path))?.status()).toBe(403);
    await expect(page.getByRole('heading', { level: 1 })).toContainText('not yours');
  }
});

test.describe('without JavaScript', () => {
  test.use({ javaScriptEnabled: false });

  test('a key is made, works, is revoked and refused', async ({ openAs, page, server, watch }) => {
    watch.forgive(/status of 409/);
    await openAs('admin', '/admin/keys');
    await makesAKeyAndRevokesIt(page, server, 'Plain');
  });

  test('a system elsewhere is told, and told again what it did not take', async ({ openAs, page, watch }) => {
    watch.forgive(/status of 4(00|09)/);
    await openAs('admin', '/admin/webhooks');
    await tellsASystemElsewhere(page, 'Plain roster');
  });

  test('a phone is connected', async ({ api, openAs, page, server, watch }) => {
    watch.forgive(/status of 409/);
    await (await api('admin')).newUnit('ADM-3', 'station:5');
    await openAs('admin', '/admin');
    await connectsAPhone(page, server, 'ADM-3');
  });
});

const PAGES = [
  '/admin/units?q=PC-00',
  '/admin/units/PC-001',
  '/admin/new-unit',
  '/admin/keys',
  '/admin/new-key',
  '/admin/webhooks',
  '/admin/new-webhook',
];

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

    test('axe finds no serious fault where deliveries are told, and nothing is wider than the screen', async ({ api, openAs, page }) => {
      const receiver = await Receiver.start();
      receiver.status = 500;
      const admin = await api('admin');
      const endpoint = { name: 'axe', url: `${receiver.url}/${'long'.repeat(40)}`, scope: 'zone:3', events: ['alert.sos'] };
      const { id } = await admin.call<{ id: string }>('POST', '/api/v1/webhooks', endpoint);
      await admin.call('POST', `/api/v1/webhooks/${id}/test`);
      await openAs('admin', `/admin/webhooks/${id}`);
      await newestBecomes(page, '1 attempt');
      await isSound(page);
      await admin.fetch('DELETE', `/api/v1/webhooks/${id}`);
      receiver.stop();
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
