import { Console } from './support/console';
import { type Api, expect, test } from './support/fixtures';

async function endPatrol(api: Api, id: string): Promise<void> {
  const unit = (await api.units('station:5')).find((unit) => unit.id === id);
  const end = await api.fetch('POST', `/api/v1/patrols/${String(unit?.patrol_id)}/end`);
  expect(end.ok, `ending the patrol of ${id}`).toBe(true);
}

/** Kadavanthra's own corner of the city. */
const AT_STATION = { latitude: 9.9633, longitude: 76.2995 };

test('units move: on the map, and in the panel of the one that is open', async ({ openAs, api, page }) => {
  await openAs('chief5');
  const ui = new Console(page);
  await ui.isLive();

  const before = await ui.map.screenshot();
  await expect.poll(async () => (await ui.map.screenshot()).equals(before), { message: 'the map stands still' }).toBe(false);

  const moving = async () => {
    const units = await (await api('chief5')).units('station:5');
    // Of the demo's own, one that drives just now: what other tests have posted stands still, and so do some of them.
    const drives = (unit: (typeof units)[number]) => /^PC-\d+$/.test(unit.id) && unit.patrol_id !== null && (unit.location?.speed_mps ?? 0) > 3;
    return units.find(drives)?.id ?? '';
  };
  await expect.poll(moving).not.toBe('');
  await ui.open(await moving());
  const place = ui.fact('Place');
  await expect(place).toContainText(/\d+\.\d{5}, \d+\.\d{5}/);
  const first = await place.textContent();
  await expect(place).not.toHaveText(first ?? '', { timeout: 60_000 });
  await expect(ui.fact('Speed')).toContainText('km/h');
});

test('a unit whose patrol starts shows it without a reload, moves, and is off duty when it ends', async ({ openAs, api, page }) => {
  const admin = await api('admin');
  const device = await admin.newUnit('E2E-OWN', 'station:5');
  await openAs('chief5');
  const ui = new Console(page);
  await ui.isLive();
  await page.evaluate(() => Object.assign(window, { sameDocument: true }));
  await ui.filter('E2E-OWN');
  await expect(ui.unit('E2E-OWN')).toContainText('Off duty');

  await device.postFix('E2E-OWN', AT_STATION.latitude, AT_STATION.longitude);
  await expect(ui.unit('E2E-OWN')).toContainText('29 km/h');
  await ui.open('E2E-OWN');
  await device.postFix('E2E-OWN', AT_STATION.latitude + 0.001, AT_STATION.longitude);
  await expect(ui.fact('Place')).toContainText('9.96430, 76.29950');
  await expect(ui.drawer).toContainText('Available');

  await endPatrol(admin, 'E2E-OWN');
  await expect(ui.unit('E2E-OWN')).toContainText('Off duty');
  expect(await page.evaluate(() => 'sameDocument' in window), 'the page was not loaded again').toBe(true);
});

test('a unit that the page has never heard of appears with its first position and leaves when its patrol ends', async ({ openAs, api, page }) => {
  await openAs('chief5');
  const ui = new Console(page);
  await ui.isLive();
  await ui.filter('E2E-NEW');
  await expect(ui.unit('E2E-NEW')).toHaveCount(0);
  const admin = await api('admin');
  const device = await admin.newUnit('E2E-NEW', 'station:5');
  await device.postFix('E2E-NEW', AT_STATION.latitude, AT_STATION.longitude);
  await expect(ui.unit('E2E-NEW')).toContainText('29 km/h');
  await endPatrol(admin, 'E2E-NEW');
  // Gone, or listed as one of the station's that is at home: not out there.
  await expect(ui.unit('E2E-NEW').filter({ hasNotText: 'Off duty' })).toHaveCount(0);
});

test('a unit of another station that patrols here appears for the chief and is gone after', async ({ openAs, api, page }) => {
  const admin = await api('admin');
  await admin.newUnit('E2E-GUEST', 'station:6');
  await openAs('chief5');
  const ui = new Console(page);
  await ui.isLive();
  await ui.filter('E2E-GUEST');
  await expect(ui.unit('E2E-GUEST')).toHaveCount(0);
  const patrol = await admin.call<{ id: unknown }>('POST', '/api/v1/patrols', { unit_id: 'E2E-GUEST', station: 'station:5' });
  await expect(ui.unit('E2E-GUEST')).toBeVisible();
  expect((await admin.fetch('POST', `/api/v1/patrols/${String(patrol.id)}/end`)).ok).toBe(true);
  await expect(ui.unit('E2E-GUEST')).toHaveCount(0);
});

test('a chief starts and ends a patrol from the page', async ({ openAs, api, page }) => {
  await (await api('admin')).newUnit('E2E-PAGE', 'station:5');
  await openAs('chief5');
  const ui = new Console(page);
  await ui.isLive();
  await ui.open('E2E-PAGE');
  await expect(ui.drawer).toContainText(/off duty/i);
  await ui.drawer.getByRole('button', { name: /start patrol/i }).click();
  await expect(ui.drawer).toContainText(/available|stale/i);
  await ui.drawer.getByRole('button', { name: /end patrol/i }).click();
  await page.getByRole('group', { name: 'End this patrol?' }).getByRole('button', { name: 'End patrol' }).click();
  await expect(ui.drawer).toContainText(/off duty/i);
});

test('choosing another scope shows its units and keeps the address', async ({ api, openAs, page }) => {
  const zone3 = await api('zone3');
  const { items } = await zone3.call<{ items: { scope: string; name: string; parent: string | null }[] }>('GET', '/api/v1/scopes');
  const station = items.find(({ scope }) => scope === 'station:5');
  const division = items.find(({ scope }) => scope === station?.parent);
  const own = (await zone3.units('station:5')).map(({ id }) => id);
  const other = (await zone3.units('zone:3')).find(({ id }) => !own.includes(id))?.id ?? '';

  await openAs('zone3');
  const ui = new Console(page);
  await ui.isLive();
  await ui.goTo(division?.name ?? '', 'Kadavanthra');
  await expect(page).toHaveURL(/scope=station(:|%3A)5/);
  await ui.isLive();
  await expect(ui.unit(own[0] ?? '')).toBeVisible();
  await expect(ui.unit(other)).toHaveCount(0);
  await page.reload();
  await expect(page).toHaveURL(/scope=station(:|%3A)5/);
  await ui.isLive();
  await expect(ui.unit(other)).toHaveCount(0);
  await page.goBack();
  await ui.isLive();
  await expect(page.getByText(new RegExp(`^${(await zone3.units('zone:3')).length} units$`))).toBeVisible();
});
