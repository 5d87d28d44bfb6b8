// A call for help reaches whoever may see the unit, wherever they look, and stays until
// somebody has acknowledged it.
import { HERE, call, hurry, openAlerts } from './support/alerts';
import { hasNoFault } from './support/axe';
import { Console } from './support/console';
import { type Api, expect, PASSWORD, signIn, test } from './support/fixtures';

test.describe.configure({ timeout: 120_000 });

/** A station of zone 3 that is not station 5, and one that is not in zone 3. */
async function stations(admin: Api): Promise<{ near: string; far: string }> {
  const { items } = await admin.call<{ items: { scope: string; parent: string | null }[] }>('GET', '/api/v1/scopes?limit=1000');
  const above = new Map(items.map(({ scope, parent }) => [scope, parent]));
  const zone = (station: string) => above.get(above.get(station) ?? '');
  const all = items.map(({ scope }) => scope).filter((scope) => scope.startsWith('station:'));
  const near = all.find((station) => zone(station) === 'zone:3' && station !== 'station:5');
  const far = all.find((station) => zone(station) !== 'zone:3');
  if (!near || !far) throw new Error('the demo has other stations in and outside zone 3');
  return { near, far };
}

test('who writes a note while somebody else acknowledges is told so, and what became of the note', async ({ api, openAs, page }) => {
  const admin = await api('admin');
  await openAs('chief5');
  const chief = new Console(page);
  await chief.isLive();
  await call(admin, 'E2E-FIRST');
  await chief.calls.getByRole('button', { name: /^Acknowledge SOS of E2E-FIRST/ }).click();
  await page.keyboard.type('Sending car 12');
  await admin.acknowledgeAll();
  await expect(page.getByText(/acknowledged it before you.*Your note was not sent: “Sending car 12”/)).toBeVisible();
  await expect(chief.calls).toBeHidden();
  await expect(chief.bell).toBeFocused();
});

test.afterEach(async ({ api }) => (await api('admin')).acknowledgeAll());

test('a call for help is over the map of whoever may see the unit, with its place, and of nobody else', async ({ api, browser, openAs, page, server }) => {
  const admin = await api('admin');
  const { far } = await stations(admin);
  await openAs('chief5');
  const chief = new Console(page);
  await chief.isLive();
  const context = await browser.newContext();
  const other = await context.newPage();
  await signIn(other, 'admin', '/', server.url);
  const whole = new Console(other);
  await whole.isLive();

  await call(admin, 'E2E-SOS-FAR', far);
  await expect(whole.calls).toContainText('E2E-SOS-FAR');
  await call(admin, 'E2E-SOS-OWN');
  await expect(chief.calls).toContainText('E2E-SOS-OWN');
  await expect(chief.calls).toContainText('Kadavanthra');
  await expect(whole.calls).toContainText('E2E-SOS-OWN');
  await expect(page.getByRole('alert').filter({ hasText: 'SOS from E2E-SOS-OWN, Kadavanthra' })).toHaveCount(1);
  await expect(page).toHaveTitle(/^\(1 SOS\) /);
  await expect(chief.bell).toHaveAccessibleName('Alerts, 1 open, 1 SOS');
  await expect(whole.bell).toHaveAccessibleName('Alerts, 2 open, 2 SOS');
  await expect(page.locator('body')).not.toContainText('E2E-SOS-FAR');

  await chief.calls.getByRole('button', { name: 'Show SOS of E2E-SOS-OWN' }).click();
  await expect(chief.drawer.getByRole('heading', { name: 'E2E-SOS-OWN' })).toBeVisible();
  await chief.calls.getByRole('button', { name: 'Dismiss SOS of E2E-SOS-OWN' }).click();
  await expect(chief.calls).toBeHidden();
  await expect(chief.bell, 'put aside is not acknowledged').toHaveAccessibleName('Alerts, 1 open, 1 SOS');
  await context.close();
});

test('who looks at one station hears of a call elsewhere in the own area, and still after loading the page again', async ({ api, openAs, page }) => {
  const admin = await api('admin');
  const { near } = await stations(admin);
  await openAs('zone3', '/?scope=station:5');
  const ui = new Console(page);
  await ui.isLive();
  await call(admin, 'E2E-SOS-NEAR', near);
  await expect(ui.calls).toContainText('E2E-SOS-NEAR');
  await page.reload();
  await ui.isLive();
  await expect(ui.calls).toContainText('E2E-SOS-NEAR');
  await expect(ui.bell).toHaveAccessibleName('Alerts, 1 open, 1 SOS');

  await ui.calls.getByRole('button', { name: /^Show/ }).click();
  await expect(page).toHaveURL(/scope=zone:3&unit=E2E-SOS-NEAR/);
  await expect(ui.drawer.getByRole('heading', { name: 'E2E-SOS-NEAR' })).toBeVisible();
  await expect(ui.fact('Place')).toContainText('9.96330');
});

test('of seven calls three stand over the map, and all seven in the alerts, newest first', async ({ api, openAs, page }) => {
  const admin = await api('admin');
  await openAs('commander');
  const ui = new Console(page);
  await ui.isLive();
  for (let i = 1; i <= 7; i += 1) await call(admin, `E2E-SEVEN-${i}`);
  await expect(ui.calls).toContainText('and 4 more');
  await expect(ui.calls.getByRole('listitem')).toHaveCount(3);
  await expect(ui.calls.getByRole('listitem').first()).toContainText('E2E-SEVEN-7');
  await ui.calls.getByRole('button', { name: 'Open alerts' }).click();
  const listed = ui.alerts.getByRole('listitem');
  await expect(listed).toHaveCount(7);
  await expect(listed.last()).toContainText('E2E-SEVEN-1');
  await ui.calls.getByRole('button', { name: 'Dismiss all' }).click();
  await expect(ui.calls).toBeHidden();
  await expect(listed).toHaveCount(7);
});

test('acknowledged with a note by one, it is gone for the other, and stands among what was acknowledged', async ({ api, browser, openAs, page, server, watch }) => {
  watch.forgive(/net::ERR_FAILED/);
  const admin = await api('admin');
  await call(admin, 'E2E-SOS-NOTE');
  await openAs('chief5');
  const chief = await openAlerts(page);
  const context = await browser.newContext();
  const other = await context.newPage();
  await signIn(other, 'dispatcher', '/', server.url);
  const dispatcher = new Console(other);
  await dispatcher.isLive();
  await expect(dispatcher.calls).toContainText('E2E-SOS-NOTE');

  // A failure is said, and what was written is kept.
  await page.route('**/acknowledge', (route) => route.abort());
  await chief.alerts.getByRole('button', { name: /^Acknowledge SOS/ }).click();
  const note = chief.alerts.getByLabel('Note (optional)');
  await note.fill('PC-014 is on its way');
  await note.press('Enter');
  await expect(chief.alerts.getByRole('alert')).toContainText('Not acknowledged. The server cannot be reached.');
  await expect(note).toHaveValue('PC-014 is on its way');
  await page.unroute('**/acknowledge');
  await note.press('Enter');

  await expect(chief.alerts).toContainText('No open alerts');
  await expect(chief.bell).toHaveAccessibleName('Alerts, 0 open');
  await expect(dispatcher.calls).toBeHidden();
  await expect(other).not.toHaveTitle(/SOS/);
  await dispatcher.bell.click();
  await dispatcher.alerts.getByRole('button', { name: 'Acknowledged' }).click();
  const past = dispatcher.alerts.getByRole('listitem').filter({ hasText: 'E2E-SOS-NOTE' });
  await expect(past).toContainText('Station chief, Kadavanthra at ');
  await expect(past).toContainText('PC-014 is on its way');
  await context.close();
});

test('a unit that is off duty by now is shown where it called from', async ({ api, openAs, page }) => {
  const admin = await api('admin');
  await call(admin, 'E2E-SOS-OFF');
  await expect
    .poll(async () => (await admin.units('station:5')).find((unit) => unit.id === 'E2E-SOS-OFF')?.patrol_id)
    .toBeTruthy();
  const patrol = (await admin.units('station:5')).find((unit) => unit.id === 'E2E-SOS-OFF')?.patrol_id;
  await admin.call('POST', `/api/v1/patrols/${String(patrol)}/end`);
  await openAs('zone3');
  const ui = new Console(page);
  await ui.isLive();
  await ui.calls.getByRole('button', { name: /^Show/ }).click();
  await expect(ui.drawer.getByRole('heading', { name: 'E2E-SOS-OFF' })).toBeVisible();
  await expect(page.getByTitle('Where the alert of E2E-SOS-OFF came from')).toBeInViewport();
  await expect(page.getByRole('status').filter({ hasText: 'E2E-SOS-OFF is not on the map now' })).toBeVisible();
  await page.keyboard.press('Escape');
  await expect(page.getByTitle('Where the alert of E2E-SOS-OFF came from')).toHaveCount(0);
});

test('a call that was heard late says when it was made', async ({ api, openAs, page }) => {
  const device = await (await api('admin')).newUnit('E2E-SOS-LATE', 'station:5');
  await device.callForHelp(...HERE, 2 * 3_600_000 + 60_000);
  await openAs('chief5');
  const ui = new Console(page);
  await ui.isLive();
  await expect(ui.calls.getByRole('listitem')).toContainText(/called 2 h ago, heard (now|\d+ s ago)/);
});

test('alerts are opened, acknowledged and closed with the keyboard alone', async ({ api, openAs, page }) => {
  const admin = await api('admin');
  await openAs('chief5');
  const ui = new Console(page);
  await ui.isLive();
  await call(admin, 'E2E-SOS-KEYS');
  await expect(ui.bell).toHaveAccessibleName(/1 open/);
  await page.keyboard.press('Alt+a');
  await expect(ui.alerts.getByRole('heading', { name: 'Alerts' })).toBeFocused();
  const acknowledge = ui.alerts.getByRole('button', { name: /^Acknowledge SOS/ });
  for (let i = 0; i < 12 && !(await acknowledge.evaluate((button) => button === document.activeElement)); i += 1) await page.keyboard.press('Tab');
  await page.keyboard.press('Enter');
  await expect(ui.alerts.getByLabel('Note (optional)')).toBeFocused();
  await page.keyboard.press('Escape');
  await expect(ui.alerts.getByLabel('Note (optional)')).toHaveCount(0);
  await acknowledge.focus();
  await page.keyboard.press('Enter');
  await page.keyboard.type('Seen');
  await page.keyboard.press('Enter');
  await expect(ui.alerts).toContainText('No open alerts');
  await expect(ui.alerts.getByRole('heading', { name: 'Alerts' })).toBeFocused();
  await page.keyboard.press('Escape');
  await expect(ui.alerts).toHaveCount(0);
  await expect(ui.bell).toBeFocused();
});

test('the sound is switched off, and stays so', async ({ openAs, page }) => {
  await openAs('chief5');
  const ui = await openAlerts(page);
  const sound = ui.alerts.getByRole('button', { name: 'Sound of alerts' });
  await expect(sound).toHaveAttribute('aria-pressed', 'true');
  await sound.click();
  await page.reload();
  await openAlerts(page);
  await expect(sound).toHaveAttribute('aria-pressed', 'false');
});

test('who only looks on sees a call and is told why they cannot acknowledge it', async ({ api, browser, server }) => {
  const admin = await api('admin');
  await admin.call('POST', '/api/v1/users', { username: 'onlooker', name: 'Onlooker', password: PASSWORD, role: 'viewer', scope: 'zone:3' });
  await call(admin, 'E2E-SOS-LOOK');
  const context = await browser.newContext();
  const page = await context.newPage();
  await signIn(page, 'onlooker', '/', server.url);
  const ui = await openAlerts(page);
  await expect(ui.alerts.getByRole('listitem')).toContainText('E2E-SOS-LOOK');
  await expect(ui.alerts).toContainText('cannot acknowledge them');
  await expect(page.getByRole('button', { name: /^Acknowledge SOS/ })).toHaveCount(0);
  await context.close();
});

for (const look of ['dark', 'light'] as const) {
  test.describe(`${look}:`, () => {
    test.use({ look });
    test('axe finds no serious fault with calls over the map and the alerts open', async ({ api, openAs, page }) => {
      const admin = await api('admin');
      await call(admin, `E2E-AXE-${look}`);
      await hurry(admin, `E2E-AXE-MANY-${look}`, 4);
      await openAs('chief5');
      const ui = await openAlerts(page);
      await ui.alerts.getByRole('button', { name: /^Acknowledge SOS/ }).first().click();
      await ui.calls.getByRole('button', { name: /^Acknowledge SOS/ }).first().click();
      await ui.alerts.getByRole('button', { name: /^Acknowledge all 4 of/ }).first().click();
      await hasNoFault(page);
    });
  });
}

test.describe('on a phone:', () => {
  test.use({ viewport: { width: 390, height: 844 }, hasTouch: true, isMobile: true });

  test('a call stands over the map and not over the list, and the alerts fill the page', async ({ api, openAs, page }) => {
    const admin = await api('admin');
    for (let i = 1; i <= 3; i += 1) await call(admin, `E2E-PHONE-${i}`);
    await openAs('chief5');
    const ui = new Console(page);
    await ui.isLive();
    await ui.showList();
    await expect(ui.calls.getByRole('listitem')).toHaveCount(1);
    await expect(ui.calls).toContainText('and 2 more');
    const box = async (what: typeof ui.calls) => (await what.boundingBox()) ?? { x: 0, y: 0, width: 0, height: 0 };
    const [calls, list] = [await box(ui.calls), await box(ui.list)];
    expect(calls.width).toBeGreaterThan(360);
    expect(calls.y + calls.height, 'the banner ends above the list').toBeLessThan(list.y);
    for (const button of await ui.calls.getByRole('button').all()) expect((await box(button)).height).toBeGreaterThanOrEqual(44);

    await ui.calls.getByRole('button', { name: 'Open alerts' }).tap();
    await expect(ui.alerts.getByRole('listitem')).toHaveCount(3);
    expect((await box(ui.alerts)).height).toBeGreaterThan(780);
    await hasNoFault(page);
    await ui.alerts.getByRole('button', { name: /^Show SOS of E2E-PHONE-1/ }).tap();
    await expect(ui.alerts).toHaveCount(0);
    await expect(ui.drawer.getByRole('heading', { name: 'E2E-PHONE-1' })).toBeVisible();
  });
});
