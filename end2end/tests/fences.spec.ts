// Geofences in the dashboard: drawn, changed and deleted on the map and by the form alone, seen by
// everybody whom they concern; and the alert rules of an area.
import type { Locator } from '@playwright/test';
import { hasNoFault } from './support/axe';
import { Console } from './support/console';
import { type Api, expect, type Page, signIn, test } from './support/fixtures';

test.describe.configure({ timeout: 180_000 });

/** Out at sea: no other test's unit drives here. */
const SEA = [9.95, 76.15] as const;

interface Fence {
  id: string;
  name: string;
  scope: string;
  shape: { type: string; latitude: number; longitude: number; radius_m: number; points: [number, number][] };
  on: { enter: boolean; exit: boolean; silent: boolean; dwell_s: number | null; speed_limit_mps: number | null };
}

/** The list, the fence that is open, and the form, by the names a person knows them by. */
class Fences {
  readonly ui: Console;
  constructor(readonly page: Page) {
    this.ui = new Console(page);
  }
  get section(): Locator {
    return this.page.getByRole('region', { name: 'Geofences', exact: true });
  }
  get rail(): Locator {
    return this.page.getByRole('navigation', { name: 'What stands beside the map' }).getByRole('button', { name: 'Fences' });
  }
  row(name: string): Locator {
    return this.section.getByRole('listitem').filter({ hasText: name }).getByRole('button');
  }
  get card(): Locator {
    return this.page.getByRole('complementary', { name: 'Geofence', exact: true });
  }
  get form(): Locator {
    return this.page.getByRole('complementary', { name: /^(New|Change) geofence$/ });
  }
  get map(): Locator {
    return this.page.getByRole('region', { name: /^Map of the units/ });
  }
  /** What the map draws of them; nothing of it can be found by role. */
  get drawn(): Locator {
    return this.page.locator('path.fence');
  }
  handle(kind: string): Locator {
    return this.page.locator(`.fence-handle.${kind}`);
  }
  async show(): Promise<void> {
    await this.ui.isLive();
    await expect(this.page.locator('.fence-tools')).toBeAttached({ timeout: 60_000 });
    if (!(await this.section.isVisible())) await this.rail.click();
    await expect(this.section).toBeVisible();
  }
  async begin(): Promise<void> {
    await this.section.getByRole('button', { name: 'New geofence' }).click();
    await expect(this.form.getByLabel('Name')).toBeFocused();
  }
  async save(): Promise<void> {
    await this.form.getByRole('button', { name: 'Save' }).click();
    await expect(this.form).toHaveCount(0);
  }
  /** Drags a handle by so many pixels. */
  async drag(handle: Locator, dx: number, dy: number): Promise<void> {
    const box = await handle.boundingBox();
    if (!box) throw new Error('the handle is not there');
    const [x, y] = [box.x + box.width / 2, box.y + box.height / 2];
    await this.page.mouse.move(x, y);
    await this.page.mouse.down();
    await this.page.mouse.move(x + dx / 2, y + dy / 2, { steps: 4 });
    await this.page.mouse.move(x + dx, y + dy, { steps: 4 });
    await this.page.mouse.up();
  }
}

async function all(api: Api): Promise<Fence[]> {
  return (await api.call<{ items: Fence[] }>('GET', '/api/v1/geofences?limit=1000')).items;
}

async function named(api: Api, name: string): Promise<Fence> {
  const found = (await all(api)).find((fence) => fence.name === name);
  if (!found) throw new Error(`there is no ${name}`);
  return found;
}

function circle(name: string, scope = 'station:5', more: object = {}) {
  return { name, scope, shape: { type: 'circle', latitude: SEA[0], longitude: SEA[1], radius_m: 400 }, on: { enter: true }, ...more };
}

test.afterEach(async ({ api }) => {
  const admin = await api('admin');
  for (const { id } of await all(admin)) {
    const answer = await admin.fetch('DELETE', `/api/v1/geofences/${id}`);
    await answer.body?.cancel();
  }
});

test('a circle is drawn by the mouse, seen at once by another, and tells of a unit that comes in', async ({ api, browser, openAs, page, server }) => {
  const admin = await api('admin');
  await openAs('dispatcher', '/?scope=station:5');
  const mine = new Fences(page);
  await mine.show();
  const context = await browser.newContext();
  const other = await context.newPage();
  await signIn(other, 'commander', '/', server.url);
  const theirs = new Fences(other);
  await theirs.show();

  await mine.begin();
  await mine.form.getByLabel('Name').fill('Old port');
  await mine.map.click({ position: { x: 260, y: 300 } });
  await expect(mine.form.getByRole('status')).toContainText('Click where its border is');
  await mine.page.mouse.move(0, 0);
  await mine.map.click({ position: { x: 340, y: 300 } });
  await expect(mine.form.getByRole('status')).toContainText('Drag its middle or its border');
  await expect(mine.drawn.and(page.locator('.draft'))).toHaveCount(1);
  await expect(mine.form.getByLabel('Radius (m)')).not.toHaveValue('');
  // Where the unit of this test will be.
  await mine.form.getByLabel('Middle').fill(`${SEA[0]}, ${SEA[1]}`);
  await mine.form.getByLabel('Radius (m)').fill('500');
  await expect(mine.form).toContainText('Circle, 500 m radius, 0.79 km²');
  await mine.save();

  await expect(mine.card.getByRole('heading', { name: 'Old port' })).toBeVisible();
  await expect(mine.card).toContainText('A unit enters');
  await expect(theirs.row('Old port')).toContainText('Enters, leaves', { timeout: 15_000 });
  await theirs.row('Old port').click();
  await expect(theirs.drawn.and(other.locator('.chosen'))).toHaveCount(1);
  expect((await named(admin, 'Old port')).shape).toMatchObject({ type: 'circle', latitude: SEA[0], longitude: SEA[1], radius_m: 500 });

  const device = await admin.newUnit('E2E-FENCE', 'station:5');
  await device.postFix('E2E-FENCE', SEA[0] + 0.05, SEA[1]);
  await device.postFix('E2E-FENCE', SEA[0] + 0.04, SEA[1]);
  await device.postFix('E2E-FENCE', SEA[0], SEA[1]);
  await page.keyboard.press('Escape');
  await mine.ui.bell.click();
  const alert = mine.ui.alerts.getByRole('listitem').filter({ hasText: 'Entered Old port' });
  await expect(alert).toBeVisible({ timeout: 30_000 });
  await alert.getByRole('button', { name: /^Show / }).click();
  await expect(mine.drawn.and(page.locator('.chosen'))).toHaveCount(1);
  await admin.acknowledgeAll();
  await context.close();
});

test('a polygon is drawn by keys alone, changed by a handle and its fields, and deleted', async ({ api, openAs, page }) => {
  const admin = await api('admin');
  await openAs('dispatcher');
  const fences = new Fences(page);
  await fences.show();
  await fences.section.getByRole('button', { name: 'New geofence' }).focus();
  await page.keyboard.press('Enter');
  await expect(fences.form.getByLabel('Name')).toBeFocused();
  await page.keyboard.type('Fish market');
  await fences.form.getByRole('button', { name: 'Polygon' }).press('Enter');
  await fences.form.getByLabel('Corners').focus();
  await page.keyboard.type('9.96, 76.28\n9.96, 76.29\n9.97, 76.29\nthere');
  await fences.form.getByLabel('Name').press('Enter');
  await expect(fences.form.getByLabel('Corners')).toBeFocused();
  await expect(fences.form).toContainText('Line 4: write it as latitude, longitude.');
  await fences.form.getByLabel('Corners').fill('9.96, 76.28\n9.97, 76.29\n9.96, 76.29\n9.97, 76.28');
  await fences.form.getByLabel('Name').press('Enter');
  await expect(fences.form).toContainText('The line after point 1 crosses the one after point 3.');
  await fences.form.getByLabel('Corners').fill('9.96, 76.28\n9.96, 76.29\n9.97, 76.29\n9.97, 76.28');
  await fences.form.getByLabel('stays (minutes)').fill('15');
  await fences.form.getByLabel(/^goes faster than/).fill('50');
  await fences.form.getByLabel('Name').press('Enter');
  await expect(fences.card.getByRole('heading', { name: 'Fish market' })).toBeVisible();
  await expect(fences.card).toContainText('A unit stays 15 min');
  await expect(fences.card).toContainText('A unit goes faster than 50 km/h');
  const made = await named(admin, 'Fish market');
  expect(made.on.dwell_s).toBe(900);
  expect(made.shape.points).toEqual([[9.96, 76.28], [9.96, 76.29], [9.97, 76.29], [9.97, 76.28]]);

  await fences.card.getByRole('button', { name: 'Change' }).click();
  await expect(fences.handle('point')).toHaveCount(4);
  await fences.ui.settled();
  await expect(async () => {
    await fences.drag(fences.handle('point').first(), 40, 30);
    await expect(fences.form.getByLabel('Corners')).not.toHaveValue(/^9\.96000, 76\.28000\n/, { timeout: 1_000 });
  }).toPass();
  await fences.drag(fences.handle('between').first(), 0, 25);
  await expect(fences.handle('point')).toHaveCount(5);
  await fences.save();
  await expect.poll(async () => (await named(admin, 'Fish market')).shape.points.length).toBe(5);

  await fences.card.getByRole('button', { name: 'Delete' }).click();
  await expect(fences.card.getByRole('button', { name: 'Keep it' })).toBeFocused();
  await fences.card.getByRole('button', { name: 'Delete it' }).click();
  await expect(fences.row('Fish market')).toHaveCount(0);
  await expect(fences.section).toContainText('No geofence yet');
  expect(await all(admin)).toEqual([]);
});

test('an outline is drawn corner by corner: back, closed by its first corner, given up', async ({ openAs, page }) => {
  await openAs('dispatcher');
  const fences = new Fences(page);
  await fences.show();
  await fences.begin();
  await fences.form.getByRole('button', { name: 'Polygon' }).click();
  const corners = fences.form.getByLabel('Corners');
  const at = (x: number, y: number) => fences.map.click({ position: { x, y } });
  await at(200, 300);
  await at(320, 300);
  await at(320, 420);
  await expect(corners).toHaveValue(/^(.+\n){2}.+$/);
  await page.keyboard.press('Backspace');
  await expect(corners).toHaveValue(/^.+\n.+$/);
  await at(330, 430);
  await at(200, 300);
  await expect(fences.form.getByRole('status')).toContainText('Drag a corner');
  await fences.form.getByRole('button', { name: 'Draw it anew' }).click();
  await at(200, 300);
  await at(320, 300);
  await at(320, 420);
  await page.keyboard.press('Enter');
  await expect(fences.form.getByRole('status')).toContainText('Drag a corner');
  await fences.form.getByRole('button', { name: 'Close without saving' }).click();
  const asked = fences.form.getByRole('alertdialog', { name: 'Unsaved changes' });
  await expect(asked.getByRole('button', { name: 'Keep editing' })).toBeFocused();
  await page.keyboard.press('Escape');
  await expect(asked).toHaveCount(0);
  // Whoever opens a unit is asked, and keeps what is drawn.
  await fences.ui.filter('PC-001');
  await fences.ui.unit('PC-001').click();
  await expect(asked).toBeVisible();
  await asked.getByRole('button', { name: 'Keep editing' }).click();
  await expect(corners).toHaveValue(/^(.+\n){2}.+$/);
  await fences.form.getByRole('button', { name: 'Close without saving' }).click();
  await asked.getByRole('button', { name: 'Discard it' }).click();
  await expect(fences.form).toHaveCount(0);
});

test('a chief sees the fence of the district and why it is not changed here', async ({ api, openAs, page }) => {
  const admin = await api('admin');
  await admin.call('POST', '/api/v1/geofences', circle('Harbour limits', 'district:1'));
  await openAs('chief5');
  const fences = new Fences(page);
  await fences.show();
  await expect(fences.section.getByRole('button', { name: 'New geofence' })).toHaveCount(0);
  await expect(fences.row('Harbour limits')).toContainText('Area above');
  await fences.row('Harbour limits').click();
  await expect(fences.card).toContainText('It belongs to an area above yours');
  await expect(fences.card.getByRole('button', { name: /Change|Delete/ })).toHaveCount(0);
  await expect(fences.drawn).toHaveCount(1);
  await hasNoFault(page);
  await page.getByRole('button', { name: 'Geofences on the map' }).click();
  await page.keyboard.press('Escape');
  await expect(fences.drawn).toHaveCount(0);
  await page.reload();
  await fences.show();
  await expect(fences.row('Harbour limits')).toBeVisible();
  await expect(page.getByRole('button', { name: 'Geofences on the map' })).toHaveAttribute('aria-pressed', 'false');
  await expect(fences.drawn).toHaveCount(0);
});

test('what somebody else changes meanwhile is told, and stays theirs', async ({ api, openAs, page }) => {
  const admin = await api('admin');
  const { id } = await admin.call<Fence>('POST', '/api/v1/geofences', circle('Depot'));
  await openAs('dispatcher', `/?fence=${id}`);
  const fences = new Fences(page);
  await fences.show();
  await fences.card.getByRole('button', { name: 'Change' }).click();
  await fences.form.getByLabel('Name').fill('Depot east');
  await admin.call('PATCH', `/api/v1/geofences/${id}`, { on: { exit: true } });
  await expect(fences.form).toContainText('Somebody else changed it meanwhile');
  await fences.save();
  await expect(fences.card.getByRole('heading', { name: 'Depot east' })).toBeVisible();
  expect((await named(admin, 'Depot east')).on).toMatchObject({ enter: false, exit: true });
  await fences.card.getByRole('button', { name: 'Change' }).click();
  await fences.form.getByLabel('Name').fill('Depot west');
  const answer = await admin.fetch('DELETE', `/api/v1/geofences/${id}`);
  expect(answer.status).toBe(204);
  await expect(fences.form).toContainText('Somebody else deleted it meanwhile');
  await fences.save();
  await expect(fences.row('Depot west')).toBeVisible();
});

test('alert rules: what holds from above is shown, an administrator sets and removes an area\'s own', async ({ api, openAs, page }) => {
  const admin = await api('admin');
  await admin.call('PUT', '/api/v1/scopes/district:1/alert-rules', { offline: true });
  await openAs('admin', '/?scope=station:5');
  const fences = new Fences(page);
  await fences.show();
  await fences.section.getByRole('button', { name: 'Alert rules' }).click();
  await expect(fences.section).toContainText('has none of its own: those of');
  await expect(fences.section).toContainText('A unit is not heard of for long');
  await fences.section.getByRole('button', { name: 'Set rules of its own' }).click();
  const form = fences.section.getByRole('form', { name: 'Alert rules' });
  await expect(form.getByLabel(/offline/)).toBeChecked();
  await form.getByLabel('Battery down to (%)').fill('95');
  await form.getByRole('button', { name: 'Save' }).click();
  await expect(form).toContainText('From 1 to 90 %.');
  await form.getByLabel('Battery down to (%)').fill('15');
  await form.getByLabel('Faster than (km/h)').fill('120');
  await form.getByRole('button', { name: 'Save' }).click();
  await expect(fences.section).toContainText('has rules of its own');
  await expect(fences.section).toContainText('A battery is down to 15 %');
  const held = await admin.call<{ scope: string; rules: { low_battery: number } }>('GET', '/api/v1/scopes/station:5/alert-rules');
  expect(held.scope).toBe('station:5');
  expect(held.rules.low_battery).toBeCloseTo(0.15);
  await fences.section.getByRole('button', { name: 'Remove its own rules' }).click();
  await fences.section.getByRole('button', { name: 'Remove them' }).click();
  await expect(fences.section).toContainText('has none of its own: those of');
  const answer = await admin.fetch('DELETE', '/api/v1/scopes/district:1/alert-rules');
  expect(answer.status).toBe(204);
});

for (const look of ['dark', 'light'] as const) {
  test.describe(`${look}:`, () => {
    test.use({ look });
    test('axe finds no serious fault in the list, the form and the rules', async ({ api, openAs, page }) => {
      const admin = await api('admin');
      await admin.call('POST', '/api/v1/geofences', circle('Depot'));
      await openAs('admin');
      const fences = new Fences(page);
      await fences.show();
      await fences.row('Depot').click();
      await fences.card.getByRole('button', { name: 'Change' }).click();
      await expect(fences.handle('middle')).toHaveCount(1);
      await fences.form.getByLabel('Radius (m)').fill('3');
      await fences.form.getByRole('button', { name: 'Save' }).click();
      await expect(fences.form).toContainText('From 10 m to 100.0 km.');
      await hasNoFault(page);
      await fences.section.getByRole('button', { name: 'Alert rules' }).click();
      await fences.section.getByRole('button', { name: 'Set rules of its own' }).click();
      await hasNoFault(page);
    });
  });
}

test.describe('on a tablet:', () => {
  test.use({ viewport: { width: 1024, height: 768 }, hasTouch: true });
  test('a circle is drawn by touch: tapped, and tapped again', async ({ api, openAs, page }) => {
    await openAs('dispatcher');
    const fences = new Fences(page);
    await fences.show();
    await fences.section.getByRole('button', { name: 'New geofence' }).tap();
    await fences.form.getByLabel('Name').fill('Playground');
    await fences.map.tap({ position: { x: 140, y: 400 } });
    await expect(fences.handle('rim')).toHaveCount(1);
    const size = await fences.handle('rim').boundingBox();
    expect(size?.width).toBeGreaterThanOrEqual(44);
    const before = await fences.form.getByLabel('Radius (m)').inputValue();
    await fences.map.tap({ position: { x: 140, y: 560 } });
    await expect(fences.form.getByLabel('Radius (m)')).not.toHaveValue(before);
    await fences.form.getByRole('button', { name: 'Save' }).tap();
    await expect(fences.card.getByRole('heading', { name: 'Playground' })).toBeVisible();
    expect((await named(await api('admin'), 'Playground')).shape.radius_m).toBeGreaterThan(10);
  });
});

test.describe('on a phone:', () => {
  test.use({ viewport: { width: 390, height: 844 }, hasTouch: true, isMobile: true });
  test('nothing is wider than the screen, and axe finds no serious fault', async ({ api, openAs, page }) => {
    const admin = await api('admin');
    await admin.call('POST', '/api/v1/geofences', circle('A geofence with quite a long name for a small screen'));
    await openAs('dispatcher');
    const fences = new Fences(page);
    await fences.ui.isLive();
    await fences.rail.tap();
    await expect(fences.row('A geofence')).toBeVisible({ timeout: 60_000 });
    const fits = async () =>
      expect(await page.evaluate(() => document.documentElement.scrollWidth)).toBeLessThanOrEqual(390);
    await fits();
    await hasNoFault(page);
    await fences.row('A geofence').tap();
    await expect(fences.card).toBeVisible();
    await fences.card.getByRole('button', { name: 'Change' }).tap();
    await expect(fences.form.getByLabel('Name')).toBeVisible();
    await fits();
    await hasNoFault(page);
  });
});
