// Pictures of a call from its first word to the arrival, as each of those who take part sees it,
// and of the pages around it: alerts that wait, the wall, the reports.
import type { Browser } from '@playwright/test';
import { join } from 'node:path';
import { type Api, expect, type Name, type Page, signIn, test } from '../tests/support/fixtures';
import { Console } from '../tests/support/console';
import { DESKTOP, FOLDER, LOOKS, PHONE, TABLET, TABLET_UPRIGHT, WALL } from './screens';

const HERE = { latitude: 9.9633, longitude: 76.2995 };
type Screen = typeof DESKTOP;
type Look = (typeof LOOKS)[number];

/** A page of its own, on a screen of its own. */
async function open(browser: Browser, { name: _, ...size }: Screen, look: Look, url: string): Promise<Page> {
  const context = await browser.newContext({ ...size, colorScheme: look, locale: 'en-GB', timezoneId: 'Asia/Kolkata' });
  await context.addCookies([{ name: 'sentinel_theme', value: look, url }]);
  return context.newPage();
}

async function shoot(page: Page, what: string): Promise<void> {
  await new Console(page).settled();
  await page.screenshot({ path: join(FOLDER, `${what}.png`) });
}

const rail = (page: Page) => page.getByRole('navigation', { name: 'What stands beside the map' });
const drawer = (page: Page) => page.getByRole('complementary', { name: /^(Incident|Order) / });

async function signedIn(page: Page, name: Name, url: string, path = '/'): Promise<Console> {
  await signIn(page, name, path, url);
  const ui = new Console(page);
  await ui.isLive();
  return ui;
}

/** Work of some hours: incidents of all kinds, two of them attended to. */
async function aBusyStation(admin: Api, mark: string): Promise<void> {
  const made = (kind: string, more: object) =>
    admin.call<{ id: string }>('POST', '/api/v1/incidents', { kind, ...HERE, scope: 'station:5', ...more });
  await made('Theft', { priority: 'low', address: 'Panampilly Nagar, 3rd cross', latitude: 9.9585, longitude: 76.2951 });
  await made('Disturbance', { address: 'KSRTC bus stand', latitude: 9.9722, longitude: 76.2894 });
  const fire = await made('Fire', { priority: 'high', address: 'Elamkulam, behind the market', notes: 'Smoke from the roof', latitude: 9.9668, longitude: 76.3071 });
  for (const [number, kind] of ['Medical', 'Road accident', 'Medical', 'Welfare check'].entries()) {
    const unit = `AMB-${mark}-${number}`;
    const device = await admin.newUnit(unit, 'station:5');
    await device.postFix(unit, 9.9638, 76.3001 + number / 500, 0);
    const { id } = number === 0 ? fire : await made(kind, { address: `${12 + number} Marine Drive` });
    const assigned = await admin.call<{ id: string }>('POST', `/api/v1/incidents/${id}/assign`, { unit_id: unit });
    const steps = number === 0 ? ['accepted', 'en_route'] : ['accepted', 'en_route', 'on_scene', 'cleared'];
    for (const status of steps) await admin.call('POST', `/api/v1/assignments/${assigned.id}/status`, { status });
  }
}

test.afterEach(async ({ api }) => {
  const admin = await api('admin');
  await admin.acknowledgeAll();
  const { items } = await admin.call<{ items: { id: string }[] }>('GET', '/api/v1/incidents?limit=1000');
  for (const { id } of items) await admin.call('POST', `/api/v1/incidents/${id}/close`, {});
});

for (const look of LOOKS) {
  test(`from a call to an arrival, ${look}`, async ({ api, browser, server, watch }) => {
    watch.forgive(/./);
    test.setTimeout(600_000);
    await aBusyStation(await api('admin'), `C${look}`);
    const desk = await open(browser, DESKTOP, look, server.url);
    await signedIn(desk, 'dispatcher', server.url);
    const chief = await open(browser, TABLET_UPRIGHT, look, server.url);
    await signedIn(chief, 'chief5', server.url);
    const phase = (page: Page, what: string) => shoot(page, `call-${what}-${look}`);

    await desk.keyboard.press('i');
    await expect(desk.getByRole('listbox', { name: 'Open incidents' })).toBeVisible({ timeout: 60_000 });
    await phase(desk, '1-board');
    await desk.keyboard.press('n');
    const form = desk.getByRole('complementary', { name: 'New incident' });
    await form.getByLabel('What').fill('Road accident');
    await desk.getByRole('region', { name: /^Map of the units/ }).click({ position: { x: 420, y: 430 } });
    await form.getByLabel('Address').fill('Vyttila, under the flyover');
    await form.getByRole('button', { name: 'High' }).click();
    await phase(desk, '2-described');
    await form.getByLabel('Address').press('Enter');
    await expect(drawer(desk).getByRole('heading', { name: 'Road accident' })).toBeVisible();
    await expect(drawer(desk).getByRole('button', { name: /^Send PC-\d+, / }).first()).toBeVisible();
    await phase(desk, '3-nearest');
    await desk.keyboard.press('1');
    const step = drawer(desk).locator('[aria-current="step"]');
    await expect(step).toContainText(/Sent|Accepted/);
    await phase(desk, '4-sent');
    await rail(chief).getByRole('button', { name: /^Incidents/ }).tap();
    await phase(chief, '5-chief-board');
    await expect(step).toContainText(/En route|On scene/, { timeout: 120_000 });
    await phase(desk, '6-en-route');
    await chief.getByRole('listbox', { name: 'Open incidents' }).getByRole('option').first().tap();
    await phase(chief, '7-chief-incident');
    await expect(step).toContainText('On scene', { timeout: 300_000 });
    await phase(desk, '8-on-scene');
    await drawer(desk).getByRole('button', { name: /^Cleared/ }).click();
    await expect(drawer(desk)).toContainText('Closed');
    await phase(desk, '9-closed');
    for (const page of [desk, chief]) await page.context().close();
  });

  test(`a customer's order, ${look}`, async ({ api, browser, server, watch }) => {
    watch.forgive(/./);
    test.setTimeout(300_000);
    const admin = await api('admin');
    const order = `A-17-${look}`;
    await admin.call('POST', '/api/v1/orders', { id: order, ...HERE, address: 'Panampilly Nagar 14', customer: 'Asha K.', scope: 'station:5' });
    const driver = `VAN-${look}`;
    const device = await admin.newUnit(driver, 'station:5');
    await device.postFix(driver, 9.985, 76.2995);
    const { url } = await admin.call<{ url: string }>('POST', `/api/v1/orders/${order}/links`, {});
    const phone = await open(browser, PHONE, look, server.url);
    const desk = await open(browser, DESKTOP, look, server.url);
    const seen = (what: string) => shoot(phone, `customer-${what}-${look}`);
    await phone.goto(url);
    await seen('1-taken');
    await admin.call('POST', `/api/v1/orders/${order}/assign`, { unit_id: driver });
    const status = (to: string) => device.call('POST', `/api/v1/assignments/${order}.1/status`, { status: to });
    await status('en_route');
    await device.postFix(driver, 9.978, 76.2995);
    await expect(phone.getByRole('heading', { level: 1 })).toHaveText('On the way to you');
    await seen('2-on-the-way');
    await phone.setViewportSize(TABLET.viewport);
    await seen('2-on-the-way-wide');
    await phone.setViewportSize(PHONE.viewport);
    await signedIn(desk, 'dispatcher', server.url, `/?incident=${order}`);
    await expect(drawer(desk)).toContainText('Asha K.');
    await shoot(desk, `order-${look}`);
    await status('on_scene');
    await expect(phone.getByRole('heading', { level: 1 })).toHaveText('Your driver is here');
    await seen('3-here');
    await status('cleared');
    await seen('4-done');
    await phone.goto(`${url}x`);
    await seen('5-no-such-link');
    for (const page of [desk, phone]) await page.context().close();
  });

  test(`alerts that wait, the wall and the reports, ${look}`, async ({ api, browser, server, watch }) => {
    watch.forgive(/./);
    test.setTimeout(600_000);
    const admin = await api('admin');
    await aBusyStation(admin, `W${look}`);
    for (const number of [1, 2, 3]) {
      const device = await admin.newUnit(`PAT-${look}-${number}`, 'station:5');
      await device.postFix(`PAT-${look}-${number}`, 9.9633 + number / 300, 76.2975, 3);
      if (number < 3) await device.callForHelp(9.9633 + number / 300, 76.2975, number * 40_000);
    }
    for (const screen of [DESKTOP, TABLET, TABLET_UPRIGHT, PHONE]) {
      const page = await open(browser, screen, look, server.url);
      const ui = await signedIn(page, 'chief5', server.url);
      await expect(ui.calls).toContainText(`PAT-${look}-1`);
      await shoot(page, `pressing-${screen.name}-${look}`);
      await ui.bell.click();
      await expect(ui.alerts).toContainText(`PAT-${look}-1`);
      await shoot(page, `alerts-open-${screen.name}-${look}`);
      await page.goto(`${server.url}/reports?span=today&by=type`);
      await page.screenshot({ path: join(FOLDER, `reports-${screen.name}-${look}.png`), fullPage: true });
      await page.context().close();
    }
    for (const screen of [WALL, DESKTOP, TABLET, TABLET_UPRIGHT]) {
      const page = await open(browser, screen, look, server.url);
      await signIn(page, 'commander', '/wall?scope=zone:3', server.url);
      await expect(page.getByRole('status').filter({ hasText: 'Connection:' })).toHaveText(/: Live/, { timeout: 60_000 });
      await expect(page.locator('.leaflet-control-scale-line')).toBeVisible({ timeout: 60_000 });
      await shoot(page, `wall-${screen.name}-${look}`);
      await page.context().close();
    }
    for (const screen of [TABLET, PHONE]) {
      const page = await open(browser, screen, look, server.url);
      await signedIn(page, 'dispatcher', server.url);
      await rail(page).getByRole('button', { name: /^Incidents/ }).click();
      await shoot(page, `board-${screen.name}-${look}`);
      await page.getByRole('listbox', { name: 'Open incidents' }).getByRole('option').first().click();
      await shoot(page, `incident-${screen.name}-${look}`);
      await page.context().close();
    }
  });
}
