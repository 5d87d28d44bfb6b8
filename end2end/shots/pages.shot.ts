// Pictures of every page, size and theme, for people to look at: make shots SHOTS=folder
import { join } from 'node:path';
import { type Api, expect, type Page, test } from '../tests/support/fixtures';
import { Console } from '../tests/support/console';
import { Receiver } from '../tests/support/receiver';
import { DESKTOP, FOLDER, LOOKS, PHONE, TABLET } from './screens';

for (const { name, ...screen } of [DESKTOP, TABLET, PHONE]) {
  for (const look of LOOKS) {
    test.describe(`${name} ${look}`, () => {
      test.use({ ...screen, look });

      test('pictures', async ({ page, openAs, watch, api }) => {
        watch.forgive(/./);
        test.setTimeout(180_000);
        const shoot = (what: string) => page.screenshot({ path: join(FOLDER, `${what}-${name}-${look}.png`) });
        await page.goto('/login');
        await expect(page.getByLabel('User name')).toBeVisible();
        await shoot('login');
        await page.goto('/no-such-page');
        await shoot('not-found');
        await openAs('commander');
        const ui = new Console(page);
        await ui.isLive();
        await ui.settled();
        await shoot('live');
        await ui.showList();
        await shoot('list');
        await ui.open('PC-001');
        await ui.settled();
        await shoot('unit');
        await page.keyboard.press('Escape');
        await page.keyboard.press('Control+k');
        await page.keyboard.type('kad');
        await expect(ui.palette.getByRole('option').first()).toBeVisible();
        await shoot('search');
        await openAs('chief5', '/?scope=zone:1');
        await shoot('no-permission');
        await openAs('chief5');
        await ui.isLive();
        await ui.settled();
        await shoot('chief');
        const device = await (await api('admin')).newUnit(`SOS-${name}-${look}`, 'station:5');
        await device.callForHelp(9.9633, 76.2995);
        await expect(ui.calls).toContainText(`SOS-${name}-${look}`);
        await ui.settled();
        await shoot('sos');
        await ui.bell.click();
        await expect(ui.alerts).toContainText(`SOS-${name}-${look}`);
        await ui.settled();
        await shoot('alerts');
        await (await api('admin')).acknowledgeAll();
      });

      test('pictures of geofences', async ({ page, openAs, watch, api }) => {
        watch.forgive(/./);
        test.setTimeout(180_000);
        const shoot = (what: string) => page.screenshot({ path: join(FOLDER, `${what}-${name}-${look}.png`) });
        const admin = await api('admin');
        const on = { enter: true, exit: true, dwell_s: 900, speed_limit_mps: 13.9 };
        const harbour = [[9.975, 76.26], [9.955, 76.265], [9.95, 76.29], [9.97, 76.3]];
        await admin.call('POST', '/api/v1/geofences', { name: 'Harbour', scope: 'district:1', shape: { type: 'polygon', points: harbour }, on });
        const depot = { type: 'circle', latitude: 9.9624, longitude: 76.2995, radius_m: 600 };
        await admin.call('POST', '/api/v1/geofences', { name: 'Depot', scope: 'station:5', shape: depot, on: { silent: true } });
        await openAs('admin');
        const ui = new Console(page);
        await ui.isLive();
        await page.getByRole('navigation', { name: 'What stands beside the map' }).getByRole('button', { name: 'Fences' }).click();
        const section = page.getByRole('region', { name: 'Geofences', exact: true });
        await expect(section.getByRole('button', { name: /^Depot/ })).toBeVisible();
        await ui.settled();
        await shoot('fences');
        await section.getByRole('button', { name: 'Alert rules' }).click();
        await section.getByRole('button', { name: 'Set rules of its own' }).click();
        await shoot('alert-rules');
        await section.getByRole('button', { name: 'Geofences', exact: true }).click();
        await section.getByRole('button', { name: /^Harbour/ }).click();
        await ui.settled();
        await shoot('fence');
        await page.getByRole('button', { name: 'Change', exact: true }).click();
        await expect(page.locator('.fence-handle.point')).toHaveCount(4);
        await ui.settled();
        await shoot('fence-form');
      });

      test('pictures of the administration', async ({ page, openAs, watch, api }) => {
        watch.forgive(/./);
        test.setTimeout(180_000);
        const whole = (what: string) =>
          page.screenshot({ path: join(FOLDER, `admin-${what}-${name}-${look}.png`), fullPage: true });
        const admin = await api('admin');
        const made = async (key: string, permissions: string[], expires_at?: string) =>
          admin.call<{ id: string }>('POST', '/api/v1/api-keys', { name: key, scope: 'zone:3', permissions, expires_at });
        await made('Depot export', ['read'], '2027-01-31T23:59:59Z');
        await made('Control room wall', ['read', 'dispatch']);
        const { id } = await made('Old integration', ['read', 'ingest', 'dispatch', 'manage']);
        await admin.call('DELETE', `/api/v1/api-keys/${id}`);
        await openAs('admin', '/admin/units');
        await whole('units');
        await page.goto('/admin/units/PC-001');
        await whole('unit');
        await page.getByLabel('Make a new token for PC-001').click();
        await whole('unit-asked');
        await page.getByRole('button', { name: 'End the old token, make a new one' }).click();
        await whole('unit-token');
        const headers = { authorization: `Bearer ${await page.locator('#token').innerText()}` };
        for (const latitude of [91, 92]) {
          const coords = { latitude, longitude: 76.2997 };
          await page.request.post('/api/v1/locations', { headers, data: { location: { timestamp: new Date().toISOString(), coords } } });
        }
        await page.reload();
        await whole('done-already');
        await page.goto('/admin/units/PC-001');
        await whole('unit-set-aside');
        await page.goto('/admin/keys');
        await page.getByLabel('Revoke Depot export').first().click();
        await whole('keys');
        await page.goto('/admin/new-key');
        await whole('new-key');
        await page.getByLabel('Name').fill('Wall display');
        await page.getByRole('button', { name: 'Make the key' }).click();
        await whole('key');
        await page.goto('/admin/new-unit');
        await whole('new-unit');
        await webhooks(page, admin, whole);
        await openAs('chief5', '/admin/units');
        await page.getByRole('rowheader').filter({ hasText: /^PC-/ }).first().getByRole('link').click();
        await expect(page.getByRole('region', { name: 'Points set aside' })).toBeVisible();
        await whole('unit-of-a-chief');
        await openAs('chief5', '/admin/keys');
        await whole('no-permission');
      });
    });
  }
}

/** Three endpoints: one that takes, one that fails, one that is switched off. */
async function webhooks(page: Page, admin: Api, whole: (what: string) => Promise<unknown>): Promise<void> {
  const receiver = await Receiver.start();
  const made = async (name: string, scope: string, events: string[]) =>
    (await admin.call<{ id: string }>('POST', '/api/v1/webhooks', { name, url: receiver.url, scope, events })).id;
  const to = (id: string) => `/api/v1/webhooks/${id}`;
  const [roster, , off] = [
    await made('Duty roster', 'district:1', ['*']),
    await made('Radio room', 'zone:3', ['unit.stale', 'unit.offline', 'unit.available']),
    await made('Old archive', 'station:5', ['patrol.ended']),
  ];
  await admin.call('PATCH', to(off), { enabled: false });
  const log = page.locator('.deliveries > li');
  for (const status of [200, 503]) {
    receiver.status = status;
    await admin.call('POST', `${to(roster)}/test`);
    await expect(async () => {
      await page.goto(`/admin/webhooks/${roster}`);
      await expect(log.first()).toContainText('1 attempt', { timeout: 1_000 });
    }).toPass();
  }
  await log.first().locator('summary').click();
  await log.nth(1).locator('summary').click();
  await whole('webhook');
  await page.getByLabel('Make a new secret for Duty roster').click();
  await whole('webhook-asked');
  await page.getByRole('button', { name: 'Make a new secret' }).click();
  await whole('webhook-secret');
  await page.goto('/admin/webhooks');
  await whole('webhooks');
  await page.goto('/admin/new-webhook');
  await whole('new-webhook');
  receiver.stop();
}
