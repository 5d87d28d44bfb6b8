// What waits for somebody presses them, and nobody else; many alerts at once drown nobody.
import { HERE, call, hurry, openAlerts } from './support/alerts';
import { Console } from './support/console';
import { expect, type Page, PASSWORD, signIn, test } from './support/fixtures';

test.describe.configure({ timeout: 180_000 });
test.afterEach(async ({ api }) => (await api('admin')).acknowledgeAll());

/** What the page has sounded and shown on the desktop, counted where it asks the browser. */
interface Seen {
  tones: number;
  shown: { title: string; tag: string; body: string }[];
  inView: boolean;
  last?: Notification;
}
declare global {
  interface Window {
    seen: Seen;
  }
}

async function observed(page: Page): Promise<void> {
  await page.addInitScript(() => {
    const seen: Seen = { tones: 0, shown: [], inView: true };
    window.seen = seen;
    const start = OscillatorNode.prototype.start;
    OscillatorNode.prototype.start = function (...when) {
      seen.tones += 1;
      start.apply(this, when);
    };
    document.hasFocus = () => seen.inView;
    window.Notification = class extends Notification {
      constructor(title: string, options?: NotificationOptions) {
        super(title, options);
        seen.shown.push({ title, tag: options?.tag ?? '', body: options?.body ?? '' });
        seen.last = this;
      }
    };
  });
}

test('what nobody takes goes up, and presses whom it has come to', async ({ api, browser, openAs, page, server }) => {
  const admin = await api('admin');
  const scopes = await admin.call<{ items: { scope: string; name: string; parent: string }[] }>('GET', '/api/v1/scopes?limit=1000');
  const named = (scope: string) => scopes.items.find((node) => node.scope === scope)?.name ?? '';
  const division = scopes.items.find((node) => node.scope === 'station:5')?.parent ?? '';
  await admin.call('POST', '/api/v1/users', { username: 'north', name: 'North', password: PASSWORD, role: 'commander', scope: division });
  const other = async (name: string) => {
    const context = await browser.newContext();
    const opened = await context.newPage();
    await observed(opened);
    await signIn(opened, name as 'zone3', '/', server.url);
    const ui = new Console(opened);
    await ui.isLive();
    // Browsers let no page sound that nobody has touched.
    await opened.keyboard.press('Shift');
    return { context, page: opened, ui };
  };
  await openAs('chief5');
  const chief = new Console(page);
  await chief.isLive();
  const [north, zone] = [await other('north'), await other('zone3')];

  await admin.alertRules('station:5', { speed_limit_mps: 20, escalate_after_s: 30 });
  const device = await admin.newUnit('E2E-FAST', 'station:5');
  await device.postFix('E2E-FAST', ...HERE, 25);
  const counts = async ({ page: seen, ui }: typeof north) => {
    // A word goes after a while: looked for first, and on both at once.
    await expect(seen.locator('.toast').filter({ hasText: 'E2E-FAST: Too fast' }).locator('svg.mark'), 'its own mark').toHaveCount(1);
    await expect(ui.bell).toHaveAccessibleName('Alerts, 1 open');
    await expect(ui.calls).toBeHidden();
    expect(await seen.evaluate(() => window.seen.tones), 'what does not press is silent').toBe(0);
  };
  await Promise.all([counts(north), counts(zone)]);
  await expect(chief.calls.getByRole('listitem'), 'of the own station').toContainText('Too fast');
  await expect(chief.bell).toHaveAccessibleName('Alerts, 1 open, 1 wait for you');

  const late = { timeout: 60_000 };
  await expect(north.ui.calls.getByRole('listitem')).toContainText(`Escalated to ${named(division)}`, late);
  await expect(north.ui.calls.getByRole('listitem')).toContainText('Waits for you');
  await expect(north.page.getByRole('alert').filter({ hasText: 'Waits for you: E2E-FAST, Too fast, Kadavanthra' })).toHaveCount(1);
  await expect(north.page).toHaveTitle(/^\(1\) /);
  await expect.poll(() => north.page.evaluate(() => window.seen.tones), 'two calm notes').toBe(2);
  await zone.ui.bell.click();
  const card = zone.ui.alerts.getByRole('listitem').filter({ hasText: 'E2E-FAST' });
  await expect(card).toContainText(`Escalated to ${named(division)}`);
  await expect(zone.ui.calls).toBeHidden();
  await expect(zone.ui.calls.getByRole('listitem')).toContainText(`Escalated to ${named('zone:3')}`, late);
  await expect(card, 'a card that stands goes on telling').toContainText(`Escalated to ${named('zone:3')}`);
  await expect(zone.ui.bell).toHaveAccessibleName('Alerts, 1 open, 1 wait for you');

  // A call for help stands above it, and sounds over it.
  await call(admin, 'E2E-ABOVE');
  const banners = zone.ui.calls.getByRole('listitem');
  await expect(zone.ui.alerts.getByRole('listitem').first()).toContainText('E2E-ABOVE');
  await expect(banners.first()).toContainText('E2E-ABOVE');
  await admin.fetch('DELETE', '/api/v1/scopes/station:5/alert-rules');
  await north.context.close();
  await zone.context.close();
});

test('many alerts are one word, are looked through by kind, and acknowledged together', async ({ api, openAs, page, watch }) => {
  watch.forgive(/net::ERR_FAILED/);
  const admin = await api('admin');
  await openAs('zone3');
  const ui = new Console(page);
  await ui.isLive();
  await hurry(admin, 'E2E-MANY', 7);
  await expect(page.locator('.toast')).toHaveCount(1);
  await expect(page.locator('.toast')).toContainText(/^[2-7] new alerts, the latest: E2E-MANY, Entered Fence/);
  await call(admin, 'E2E-BESIDE');
  await ui.bell.click();
  const listed = ui.alerts.getByRole('listitem');
  await expect(listed).toHaveCount(8);
  const only = ui.alerts.getByRole('group', { name: 'Show only' });
  await expect(only.getByRole('button')).toHaveText([/SOS\s*1/, /Entered\s*7/]);
  await only.getByRole('button', { name: /SOS/ }).click();
  await expect(listed).toHaveCount(1);
  await only.getByRole('button', { name: /Entered/ }).click();
  await expect(listed).toHaveCount(7);
  await expect(ui.alerts.getByRole('button', { name: 'Acknowledge these 7' })).toBeVisible();

  // The third is refused, and said so; the others are done.
  let asked = 0;
  await page.route('**/acknowledge', (route) => {
    asked += 1;
    return asked === 3 ? route.abort() : route.continue();
  });
  await listed.first().getByRole('button', { name: 'Acknowledge all 7 of E2E-MANY' }).click();
  const note = ui.alerts.getByLabel('Note for all of them (optional)');
  await expect(note).toBeFocused();
  await expect(ui.alerts).toContainText('Acknowledge 7 alerts of E2E-MANY?');
  await note.fill('Deliveries, no matter');
  await note.press('Enter');
  await expect(ui.alerts.getByRole('alert')).toContainText('5 not acknowledged. The server cannot be reached.');
  await expect(note).toHaveValue('Deliveries, no matter');
  await note.press('Enter');
  await expect(note).toHaveCount(0);
  await expect(page.getByRole('status').filter({ hasText: '5 acknowledged' })).toBeVisible();
  await expect(ui.bell).toHaveAccessibleName('Alerts, 1 open, 1 SOS');
  await expect(ui.alerts.getByRole('heading', { name: 'Alerts' })).toBeFocused();
  const { items } = await admin.call<{ items: { acknowledged: { note: string } }[] }>('GET', '/api/v1/alerts?state=acknowledged&unit_id=E2E-MANY');
  expect(items.map(({ acknowledged }) => acknowledged.note)).toEqual(Array(7).fill('Deliveries, no matter'));
});

test('a long list comes in pages, and the arrows go through it', async ({ api, openAs, page }) => {
  const admin = await api('admin');
  for (let n = 0; n < 3; n += 1) await hurry(admin, `E2E-LONG-${n}`, 19);
  await openAs('zone3');
  const ui = await openAlerts(page);
  await expect(ui.bell).toHaveAccessibleName('Alerts, 57 open');
  const listed = ui.alerts.getByRole('listitem');
  await expect(listed).toHaveCount(50);
  await ui.alerts.getByRole('button', { name: 'Show 7 more of 7' }).click();
  await expect(listed).toHaveCount(57);
  await page.keyboard.press('Alt+a');
  await page.keyboard.press('Alt+a');
  await expect(ui.alerts.getByRole('heading', { name: 'Alerts' })).toBeFocused();
  await page.keyboard.press('ArrowDown');
  await page.keyboard.press('ArrowDown');
  await expect(listed.nth(1).getByRole('button').first()).toBeFocused();
  await page.keyboard.press('ArrowUp');
  await expect(listed.first().getByRole('button').first()).toBeFocused();
});

test('outside the page alerts are shown to whoever asked for it, once, while the page is not in view', async ({ api, context, openAs, page }) => {
  const admin = await api('admin');
  await context.grantPermissions(['notifications']);
  await observed(page);
  await openAs('chief5');
  const ui = new Console(page);
  await ui.isLive();
  await ui.openMenu();
  const choice = page.getByRole('group', { name: 'Desktop notifications' });
  await expect(choice.getByRole('button', { name: 'Off' }), 'off unless chosen').toHaveAttribute('aria-pressed', 'true');
  await choice.getByRole('button', { name: 'On' }).click();
  await expect(choice.getByRole('button', { name: 'On' })).toHaveAttribute('aria-pressed', 'true');
  await page.keyboard.press('Escape');

  await call(admin, 'E2E-SEEN');
  await expect(ui.calls).toContainText('E2E-SEEN');
  expect(await page.evaluate(() => window.seen.shown), 'the page is in view').toEqual([]);
  await page.evaluate(() => (window.seen.inView = false));
  await call(admin, 'E2E-UNSEEN');
  await expect.poll(() => page.evaluate(() => window.seen.shown.length)).toBe(1);
  const { items } = await admin.call<{ items: { id: string }[] }>('GET', '/api/v1/alerts?unit_id=E2E-UNSEEN');
  expect(await page.evaluate(() => window.seen.shown)).toEqual([{ title: 'SOS: E2E-UNSEEN', tag: items[0]?.id, body: 'Kadavanthra' }]);
  await page.evaluate(() => window.seen.last?.onclick?.call(window.seen.last, new Event('click')));
  await expect(ui.drawer.getByRole('heading', { name: 'E2E-UNSEEN' })).toBeVisible();
  await admin.acknowledgeAll();
  await expect(ui.calls).toBeHidden();
  expect(await page.evaluate(() => window.seen.shown.length), 'each once').toBe(1);
});

test('who refused notifications is told how to allow them', async ({ openAs, page }) => {
  await page.addInitScript(() => Object.defineProperty(Notification, 'permission', { get: () => 'denied' }));
  await openAs('chief5');
  const ui = new Console(page);
  await ui.isLive();
  await ui.openMenu();
  const choice = page.getByRole('group', { name: 'Desktop notifications' });
  await choice.getByRole('button', { name: 'On' }).click();
  await expect(choice.getByRole('status')).toContainText('This browser refuses them for this page. Allow notifications in its settings');
  await expect(choice.getByRole('button', { name: 'Off' })).toHaveAttribute('aria-pressed', 'true');
});
