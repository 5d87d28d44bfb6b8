import { Console } from './support/console';
import { expect, test } from './support/fixtures';

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
    return units.find((unit) => unit.patrol_id !== null && unit.location !== null)?.id ?? '';
  };
  await expect.poll(moving).not.toBe('');
  await ui.open(await moving());
  const place = ui.drawer.getByText(/\d+\.\d{4,}, *\d+\.\d{4,}/).first();
  const first = await place.textContent();
  await expect(place).not.toHaveText(first ?? '');
  await expect(ui.drawer.getByText(/km\/h/).first()).toBeVisible();
});

test('a unit whose patrol starts appears without a reload, moves, and leaves when it ends', async ({ openAs, api, page }) => {
  await openAs('chief5');
  const ui = new Console(page);
  await ui.isLive();
  await page.evaluate(() => Object.assign(window, { sameDocument: true }));
  await expect(ui.unit('E2E-NEW')).toHaveCount(0);

  const admin = await api('admin');
  const device = await admin.newUnit('E2E-NEW', 'station:5');
  await device.postFix('E2E-NEW', AT_STATION.latitude, AT_STATION.longitude);
  await expect(ui.unit('E2E-NEW')).toBeVisible();
  await expect(ui.unit('E2E-NEW')).toContainText(/available/i);

  await ui.open('E2E-NEW');
  await device.postFix('E2E-NEW', AT_STATION.latitude + 0.001, AT_STATION.longitude);
  await expect(ui.drawer).toContainText('9.9643');

  const unit = (await admin.units('station:5')).find(({ id }) => id === 'E2E-NEW');
  const end = await admin.fetch('POST', `/api/v1/patrols/${String(unit?.patrol_id)}/end`);
  expect(end.ok).toBe(true);
  // It is still one of the station's units, but nobody out there.
  await expect(ui.unit('E2E-NEW')).toContainText(/off duty/i);
  expect(await page.evaluate(() => 'sameDocument' in window), 'the page was not loaded again').toBe(true);
});

test('a unit of another station that patrols here appears for the chief and is gone after', async ({ openAs, api, page }) => {
  const admin = await api('admin');
  await admin.newUnit('E2E-GUEST', 'station:6');
  await openAs('chief5');
  const ui = new Console(page);
  await ui.isLive();
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
  const confirm = page.getByRole('dialog').getByRole('button', { name: /end patrol/i });
  await confirm.or(ui.drawer.getByText(/off duty/i).first()).first().waitFor();
  if (await confirm.isVisible()) await confirm.click();
  await expect(ui.drawer).toContainText(/off duty/i);
});

test('choosing another scope shows its units and keeps the address', async ({ openAs, page }) => {
  await openAs('zone3');
  const ui = new Console(page);
  await ui.isLive();
  await page.getByRole('tree').or(page.getByRole('navigation')).getByText('Kadavanthra').first().click();
  await expect(page).toHaveURL(/scope=station(:|%3A)5/);
  await ui.isLive();
  await page.reload();
  await expect(page).toHaveURL(/scope=station(:|%3A)5/);
  await ui.isLive();
  await page.goBack();
  await ui.isLive();
});
