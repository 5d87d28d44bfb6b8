// From a call to arrival: the board of incidents beside the map, at a desk, on a chief's tablet,
// by keys, by hand and by two people at once.
import type { Locator } from '@playwright/test';
import { hasNoFault } from './support/axe';
import { Console } from './support/console';
import { type Api, expect, type Page, PASSWORD, signIn, test } from './support/fixtures';

test.describe.configure({ timeout: 180_000 });

const HERE = [9.9633, 76.2995] as const;
/** A street away: whoever is there is among the nearest. */
const THERE = [9.9638, 76.3001] as const;

interface Task {
  id: string;
  state: string;
  assignments: { id: string; unit_id: string; state: string }[];
}

/** An order, and how it ends. */
async function order(admin: Api): Promise<{ id: string; close: () => Promise<void> }> {
  const { id } = await admin.call<Task>('POST', '/api/v1/orders', { latitude: HERE[0], longitude: HERE[1], customer: 'Marine Drive Bakery', scope: 'station:5' });
  return { id, close: async () => void (await admin.call('POST', `/api/v1/orders/${id}/close`, {})) };
}

/** The board, the task that is open, and the form, by the names a person knows them by. */
class Board {
  readonly ui: Console;
  constructor(readonly page: Page) {
    this.ui = new Console(page);
  }
  get section(): Locator {
    return this.page.getByRole('region', { name: 'Incidents', exact: true });
  }
  get list(): Locator {
    return this.page.getByRole('listbox', { name: 'Open incidents' });
  }
  row(words: string): Locator {
    return this.list.getByRole('option').filter({ hasText: words });
  }
  get drawer(): Locator {
    return this.page.getByRole('complementary', { name: /^(Incident|Order) / });
  }
  get form(): Locator {
    return this.page.getByRole('complementary', { name: 'New incident' });
  }
  get links(): Locator {
    return this.drawer.getByRole('region', { name: "Customer's links" });
  }
  /** The address of a link, to be copied. */
  get link(): Locator {
    return this.links.getByLabel(/^Address of the link/);
  }
  get near(): Locator {
    return this.drawer.getByRole('region', { name: 'Nearest free units' });
  }
  get on(): Locator {
    return this.drawer.getByRole('region', { name: 'Units on it' });
  }
  /** How far a unit is, by the step that is marked. */
  step(unit: string): Locator {
    return this.on.getByRole('group', { name: `How far ${unit} is` }).locator('[aria-current="step"]');
  }
  async show(): Promise<void> {
    await this.page.keyboard.press('i');
    await expect(this.section).toBeVisible();
  }
}

async function openBoard(page: Page): Promise<Board> {
  const board = new Board(page);
  // Two pages at once take their time on a small machine.
  await expect(board.ui.connection).toHaveText(/: Live/, { timeout: 60_000 });
  await expect(page.locator('.board-tools:not(.fence-tools)')).toBeAttached({ timeout: 60_000 });
  await board.show();
  return board;
}

const driving = new Set<ReturnType<typeof setInterval>>();

/** A unit on patrol that stands at a place, free, and is heard of until the test ends: it takes no step by itself. */
async function unit(admin: Api, id: string, place: readonly [number, number] = THERE): Promise<Api> {
  const device = await admin.newUnit(id, 'station:5');
  await device.postFix(id, ...place, 0);
  driving.add(setInterval(() => void device.postFix(id, ...place, 0).catch(() => {}), 5_000));
  return device;
}

async function incident(admin: Api, kind: string, more: object = {}): Promise<Task> {
  const place = { latitude: HERE[0], longitude: HERE[1], scope: 'station:5' };
  return admin.call<Task>('POST', '/api/v1/incidents', { kind, ...place, ...more });
}

test.afterEach(async ({ api }) => {
  driving.forEach(clearInterval);
  driving.clear();
  const admin = await api('admin');
  const { items } = await admin.call<{ items: Task[] }>('GET', '/api/v1/incidents?limit=1000');
  for (const { id } of items) await admin.call('POST', `/api/v1/incidents/${id}/close`, {});
});

test('from the call to the arrival: made on the map, the nearest sent by its number, each step seen', async ({ api, openAs, page }) => {
  const admin = await api('admin');
  // 78 m away: nearer it would be there already.
  const device = await unit(admin, 'E2E-CALL', [9.964, 76.2995]);
  await openAs('dispatcher');
  const board = await openBoard(page);
  await page.keyboard.press('n');
  await expect(board.form.getByLabel('What')).toBeFocused();
  await board.form.getByLabel('What').fill('gas leak');
  await page.getByRole('region', { name: /^Map of the units/ }).click({ position: { x: 300, y: 400 } });
  await expect(board.form.getByLabel('Where')).toHaveValue(/^\d+\.\d{5}, \d+\.\d{5}$/);
  // Typed coordinates count for more than a click that was made before.
  await board.form.getByLabel('Where').fill(`${HERE[0]}, ${HERE[1]}`);
  await board.form.getByLabel('Address').fill('Kadavanthra junction');
  await board.form.getByRole('button', { name: 'High' }).click();
  await board.form.getByLabel('Address').press('Enter');

  await expect(board.drawer.getByRole('heading', { name: 'Gas leak' })).toBeFocused();
  await expect(board.drawer).toContainText('Kadavanthra junction');
  await expect(board.drawer).toContainText('Nobody sent');
  await expect(board.row('Gas leak')).toContainText('High');
  // Whoever of the city drives past is there sooner. Under the pointer the order holds.
  const row = board.near.getByRole('button', { name: /^Send E2E-CALL, \d+ m, there in / });
  await row.hover();
  await page.keyboard.press((await row.getAttribute('aria-keyshortcuts')) ?? 'it has no key');
  await expect(board.step('E2E-CALL')).toContainText('Sent');
  await expect(board.row('Gas leak')).toContainText('E2E-CALL');

  const { items } = await device.call<{ items: { id: string }[] }>('GET', '/api/v1/assignments');
  const status = (to: string) => device.call('POST', `/api/v1/assignments/${items[0]?.id}/status`, { status: to });
  for (const [to, word] of [['accepted', 'Accepted'], ['en_route', 'En route'], ['on_scene', 'On scene']] as const) {
    await status(to);
    await device.postFix('E2E-CALL', ...HERE);
    await expect(board.step('E2E-CALL')).toContainText(word);
  }
  await expect(board.drawer.getByText('On scene').first()).toBeVisible();
  await expect(board.drawer.getByRole('region', { name: 'What happened' })).toContainText('E2E-CALL is on scene');
  await board.on.getByRole('button', { name: /^Cleared/ }).click();
  await expect(board.drawer).toContainText('Closed');
  await expect(board.row('Gas leak')).toHaveCount(0);
  await board.section.getByRole('button', { name: 'Past' }).click();
  await expect(board.section.getByRole('button', { name: /Gas leak/ })).toContainText('E2E-CALL');
});

test('a unit of the city is sent, drives there and is on scene by itself', async ({ api, openAs, page }) => {
  // Some streets have to be driven, at the speed of a car.
  test.setTimeout(420_000);
  const admin = await api('admin');
  await incident(admin, 'road accident');
  await openAs('dispatcher');
  const board = await openBoard(page);
  await board.row('Road accident').click();
  const nearest = board.near.getByRole('button', { name: /^Send PC-\d+, / }).first();
  const unit = /PC-\d+/.exec((await nearest.getAttribute('aria-label')) ?? (await nearest.innerText()))?.[0] ?? '';
  await nearest.click();
  await expect(board.step(unit)).toContainText(/Accepted|En route|On scene/);
  await expect(board.step(unit)).toContainText(/En route|On scene/, { timeout: 120_000 });
  await expect(board.step(unit)).toContainText('On scene', { timeout: 240_000 });
  await expect(board.drawer.getByRole('region', { name: 'What happened' })).toContainText(`${unit} is on scene`);
  await board.on.getByRole('button', { name: /^Cleared/ }).click();
  await expect(board.drawer).toContainText('Closed');
});

test('what one dispatcher does the other sees, and a unit that is taken can be sent all the same', async ({ api, browser, openAs, page, server }) => {
  const admin = await api('admin');
  await unit(admin, 'E2E-TWO');
  const first = await incident(admin, 'theft');
  await openAs('dispatcher');
  const mine = await openBoard(page);
  const context = await browser.newContext();
  const other = await context.newPage();
  await signIn(other, 'commander', '/', server.url);
  const theirs = await openBoard(other);

  await mine.row('Theft').click();
  await mine.near.getByRole('button', { name: /^Send E2E-TWO/ }).click();
  await expect(theirs.row('Theft')).toContainText('E2E-TWO');
  // The list holds the rows that can be seen.
  await theirs.ui.filter('E2E-TWO');
  await expect(theirs.ui.unit('E2E-TWO')).toHaveClass(/s-on-task/);

  // A new one, made elsewhere, appears by itself; the same unit is on another.
  await incident(admin, 'fire', { priority: 'high' });
  await expect(theirs.list.getByRole('option').first()).toContainText('Fire');
  await expect(other.getByRole('status').filter({ hasText: 'New: High priority fire' })).toHaveCount(1);
  await theirs.row('Fire').click();
  await theirs.near.getByLabel('Another unit, by its id').fill('E2E-TWO');
  await theirs.near.getByRole('button', { name: 'Send', exact: true }).click();
  const problem = theirs.drawer.getByRole('alert');
  await expect(problem).toContainText(`E2E-TWO is on ${first.id} already`);
  await problem.getByRole('button', { name: 'Send anyway' }).click();
  await expect(theirs.step('E2E-TWO')).toContainText('Sent');
  await expect(mine.row('Fire')).toContainText('E2E-TWO');

  await mine.on.getByRole('button', { name: 'Stand E2E-TWO down' }).click();
  await mine.on.getByRole('button', { name: 'Stand down', exact: true }).click();
  await expect(mine.on).toContainText('Stood down');
  await expect(theirs.row('Theft')).toContainText('Nobody sent');
  await context.close();
});

test('a unit in the place of another, a note, another area and the end of it', async ({ api, openAs, page }) => {
  const admin = await api('admin');
  await unit(admin, 'E2E-FIRST');
  await unit(admin, 'E2E-SECOND');
  const { id } = await incident(admin, 'accident');
  await admin.call('POST', `/api/v1/incidents/${id}/assign`, { unit_id: 'E2E-FIRST' });
  await openAs('commander', `/?incident=${id}`);
  const board = new Board(page);
  await board.ui.isLive();
  await expect(board.drawer.getByRole('heading', { name: 'Accident' })).toBeVisible();
  await board.on.getByRole('button', { name: 'Send another in place of E2E-FIRST' }).click();
  await board.near.getByRole('button', { name: /^Send E2E-SECOND/ }).click();
  await expect(board.step('E2E-SECOND')).toContainText('Sent');
  await expect(board.on.getByRole('listitem').filter({ hasText: 'E2E-FIRST' })).toContainText('Stood down');

  const story = board.drawer.getByRole('region', { name: 'What happened' });
  await story.getByLabel('Add a note').fill('The road is blocked');
  await story.getByLabel('Add a note').press('Enter');
  await expect(story.getByRole('listitem').first()).toContainText('The road is blocked');
  await expect(story.getByLabel('Add a note')).toHaveValue('');
  await board.drawer.getByRole('button', { name: 'Change what is said' }).click();
  await board.drawer.getByLabel('Notes').fill('Two cars, one lane');
  await board.drawer.getByRole('button', { name: 'Save' }).click();
  await expect(board.drawer).toContainText('Two cars, one lane');
  await board.drawer.getByRole('button', { name: 'Hand over' }).click();
  await board.drawer.getByLabel('Hand it over to').selectOption('zone:3');
  await board.drawer.getByRole('button', { name: 'Hand over' }).click();
  await expect(story).toContainText('handed it from Kadavanthra to ');
  await board.drawer.getByRole('button', { name: 'Close', exact: true }).click();
  await board.drawer.getByLabel('Note (optional)').fill('Both drivers go on');
  await board.drawer.getByLabel('Note (optional)').press('Enter');
  await expect(story).toContainText('Both drivers go on');
  await expect(board.near).toHaveCount(0);
  await story.getByLabel('Add a note').fill('The road is free again');
  await story.getByLabel('Add a note').press('Enter');
  await expect(story.getByRole('listitem').first()).toContainText('The road is free again');
});

test('with the keyboard alone: the list, an incident, a unit sent by Enter, and back', async ({ api, openAs, page }) => {
  const admin = await api('admin');
  await unit(admin, 'E2E-KEYS', HERE);
  await incident(admin, 'quiet', { priority: 'low' });
  await incident(admin, 'loud', { priority: 'high' });
  await openAs('dispatcher');
  const board = await openBoard(page);
  await expect(board.list).toBeFocused();
  await expect(board.row('Loud')).toHaveClass(/active/);
  await page.keyboard.press('ArrowDown');
  await expect(board.row('Quiet')).toHaveClass(/active/);
  await page.keyboard.press('ArrowUp');
  await page.keyboard.press('Enter');
  await expect(board.drawer.getByRole('heading', { name: 'Loud' })).toBeFocused();
  const send = board.near.getByRole('button', { name: /^Send E2E-KEYS/ });
  await expect(send).toBeVisible();
  for (let i = 0; i < 25 && !(await send.evaluate((button) => button === document.activeElement)); i += 1) await page.keyboard.press('Tab');
  await page.keyboard.press('Enter');
  await expect(board.step('E2E-KEYS')).toContainText('Sent');
  await page.keyboard.press('Escape');
  await expect(board.drawer).toHaveCount(0);
  await expect(board.list).toBeFocused();
  await page.keyboard.press('i');
  await expect(board.section).toBeHidden();
  await page.keyboard.press('?');
  await expect(page.getByRole('region', { name: 'Legend' })).toContainText('a new incident; then click the map');
});

test('a unit dragged onto an incident is sent there, and an incident dragged onto a unit', async ({ api, openAs, page }) => {
  const admin = await api('admin');
  await unit(admin, 'E2E-DRAG-1');
  await unit(admin, 'E2E-DRAG-2');
  await incident(admin, 'welfare check');
  await openAs('dispatcher');
  const board = await openBoard(page);
  await board.ui.filter('E2E-DRAG');
  await board.ui.unit('E2E-DRAG-1').dragTo(board.row('Welfare check'));
  await expect(board.row('Welfare check')).toContainText('E2E-DRAG-1');
  await board.row('Welfare check').dragTo(board.ui.unit('E2E-DRAG-2'));
  await expect(board.row('Welfare check')).toContainText('+1');
});

test('an incident is made where a unit is, of an alert, and is told in the unit\'s own panel', async ({ api, openAs, page }) => {
  const admin = await api('admin');
  const device = await unit(admin, 'E2E-AT', HERE);
  await openAs('commander');
  const board = new Board(page);
  await board.ui.isLive();
  await board.ui.open('E2E-AT');
  await board.ui.drawer.getByRole('button', { name: 'Incident here' }).click();
  await expect(board.form.getByLabel('Where')).toHaveValue('9.96330, 76.29950');
  await board.form.getByRole('button', { name: 'Medical' }).click();
  await board.form.getByRole('button', { name: 'Make it' }).click();
  await expect(board.drawer.getByRole('heading', { name: 'Medical' })).toBeVisible();
  await page.keyboard.press('1');
  await expect(board.step('E2E-AT')).toContainText('Sent');
  await board.on.getByRole('button', { name: 'E2E-AT', exact: true }).click();
  await expect(board.ui.drawer.getByRole('list', { name: 'What it is on' })).toContainText('Medical');
  await board.ui.drawer.getByRole('list', { name: 'What it is on' }).getByRole('button').click();
  await expect(board.drawer.getByRole('heading', { name: 'Medical' })).toBeVisible();

  await device.callForHelp(...HERE);
  await page.keyboard.press('Alt+a');
  await board.ui.alerts.getByRole('button', { name: 'Make an incident of SOS of E2E-AT' }).click();
  await expect(board.form.getByLabel('What')).toHaveValue('SOS');
  await expect(board.form.getByRole('button', { name: 'High' })).toHaveAttribute('aria-pressed', 'true');
  await page.keyboard.press('Escape');
  await expect(board.form).toHaveCount(0);
  await admin.acknowledgeAll();
});

test('an order is made here, its link copied, opened by the customer and revoked here', async ({ api, browser, context, openAs, page, server }) => {
  await context.grantPermissions(['clipboard-read', 'clipboard-write']);
  const admin = await api('admin');
  const number = `E2E-${Date.now()}`;
  await openAs('dispatcher');
  const board = await openBoard(page);
  await page.keyboard.press('n');
  await board.form.getByRole('button', { name: 'Order', exact: true }).click();
  const form = page.getByRole('complementary', { name: 'New order' });
  await expect(form.getByLabel('What')).toBeHidden();
  await form.getByLabel('Customer').fill('Marine Drive Bakery');
  await form.getByLabel('Number').fill(number);
  await form.getByLabel('Where').fill(`${HERE[0]}, ${HERE[1]}`);
  await form.getByLabel('Address').fill('Panampilly Nagar 14');
  await hasNoFault(page);
  await form.getByRole('button', { name: 'Make it' }).click();
  await expect(board.drawer.getByRole('heading', { name: 'Marine Drive Bakery' })).toBeFocused();
  await expect(board.row('Marine Drive Bakery')).toContainText('Panampilly Nagar 14');

  await expect(board.links).toContainText('None yet');
  await board.links.getByLabel('How long it holds').selectOption('Holds a week');
  await board.links.getByRole('button', { name: 'New link' }).click();
  await expect(board.link).toHaveValue(new RegExp(`^${server.url}/t/${number}~`));
  const address = await board.link.inputValue();
  const copied = () => page.evaluate(() => navigator.clipboard.readText());
  await expect.poll(copied).toBe(address);
  await page.evaluate(() => navigator.clipboard.writeText('something else'));
  await board.links.getByRole('button', { name: 'Copy' }).click();
  await expect.poll(copied).toBe(address);
  await hasNoFault(page);

  const phone = await browser.newContext();
  const customer = await phone.newPage();
  await customer.goto(address);
  const title = customer.getByRole('heading', { level: 1 });
  await expect(title).toHaveText('We have your order');
  await board.links.getByRole('button', { name: 'Revoke', exact: true }).click();
  await hasNoFault(page);
  await board.links.getByRole('button', { name: 'Revoke the link' }).click();
  await expect(board.link).toHaveCount(0);
  await expect(board.links).toContainText('made by dispatcher');
  await expect(title).toHaveText('This link has ended');
  expect((await customer.goto(address))?.status()).toBe(404);
  await expect(title).toHaveText('This link has ended');
  await phone.close();
  await admin.call('POST', `/api/v1/orders/${number}/close`, {});
});

test('where the browser gives no clipboard a new link stands selected', async ({ api, openAs, page }) => {
  await page.addInitScript(() => Object.defineProperty(Navigator.prototype, 'clipboard', { get: () => undefined }));
  const { id, close } = await order(await api('admin'));
  await openAs('dispatcher', `/?order=${id}`);
  const board = new Board(page);
  await board.ui.isLive();
  await board.links.getByRole('button', { name: 'New link' }).click();
  await expect(board.link).toBeFocused();
  const selected = await board.link.evaluate((field: HTMLInputElement) => field.value.slice(field.selectionStart ?? 0, field.selectionEnd ?? 0));
  expect(selected).toBe(await board.link.inputValue());
  await expect(page.getByRole('status').filter({ hasText: 'copy it by hand' })).toHaveCount(1);
  await close();
});

test('an incident is moved by its coordinates, and by a click on the map', async ({ api, openAs, page }) => {
  const admin = await api('admin');
  const { id } = await incident(admin, 'traffic', { address: 'The old bridge' });
  const at = async () => {
    const { place } = await admin.call<{ place: { latitude: number; longitude: number; text: string } }>('GET', `/api/v1/incidents/${id}`);
    return `${place.text} ${place.latitude} ${place.longitude}`;
  };
  await openAs('commander', `/?incident=${id}`);
  const board = new Board(page);
  await board.ui.isLive();
  const change = board.drawer.getByRole('button', { name: 'Change what is said' });
  const where = board.drawer.getByLabel('Where');
  await change.click();
  await expect(where).toHaveValue('9.96330, 76.29950');
  await where.fill('nowhere');
  await board.drawer.getByRole('button', { name: 'Save' }).click();
  await expect(board.drawer.getByRole('alert')).toContainText('Where is it?');
  await where.fill('9.9701, 76.3002');
  await board.drawer.getByRole('button', { name: 'Save' }).click();
  await expect(where).toHaveCount(0);
  expect(await at()).toBe('The old bridge 9.9701 76.3002');

  await change.click();
  await expect(where).toHaveValue('9.97010, 76.30020');
  await page.getByRole('region', { name: /^Map of the units/ }).click({ position: { x: 300, y: 400 } });
  await expect(where).not.toHaveValue('9.97010, 76.30020');
  const clicked = (await where.inputValue()).split(', ').map(Number);
  await board.drawer.getByRole('button', { name: 'Save' }).click();
  await expect(where).toHaveCount(0);
  expect(await at()).toBe(`The old bridge ${clicked.join(' ')}`);
});

test('what is open goes on, and what is new is told, outside the area on show', async ({ api, openAs, page }) => {
  const admin = await api('admin');
  await unit(admin, 'E2E-ELSEWHERE');
  const { id } = await incident(admin, 'theft');
  await openAs('dispatcher', `/?scope=station:6&incident=${id}`);
  const board = await openBoard(page);
  await expect(board.drawer).toContainText('Nobody sent');
  await admin.call('POST', `/api/v1/incidents/${id}/assign`, { unit_id: 'E2E-ELSEWHERE' });
  await expect(board.step('E2E-ELSEWHERE')).toContainText('Sent');
  await board.on.getByRole('button', { name: /^Accepted/ }).click();
  await expect(board.step('E2E-ELSEWHERE')).toContainText('Accepted');
  await incident(admin, 'fire', { priority: 'high' });
  await expect(page.getByRole('status').filter({ hasText: 'New: High priority fire, Kadavanthra' })).toHaveCount(1);
  await expect(board.row('Theft')).toHaveCount(0);
  await expect(board.row('Fire')).toHaveCount(0);
});

test('a chief is told that a unit of the station was sent', async ({ api, openAs, page }) => {
  const admin = await api('admin');
  await unit(admin, 'E2E-OURS');
  const { id } = await incident(admin, 'fire', { priority: 'high', scope: 'station:6' });
  await openAs('chief5');
  const board = await openBoard(page);
  await expect(board.row('Fire')).toHaveCount(0);
  await admin.call('POST', `/api/v1/incidents/${id}/assign`, { unit_id: 'E2E-OURS' });
  await expect(page.getByRole('status').filter({ hasText: `E2E-OURS was sent to High priority fire, ${id}` })).toHaveCount(1);
  await expect(board.row('Fire')).toContainText('E2E-OURS');
});

test('how far a unit on its way still has to go is by where it is now', async ({ api, openAs, page }) => {
  const admin = await api('admin');
  const { id } = await incident(admin, 'medical');
  const device = await admin.newUnit('E2E-COMES', 'station:5');
  await device.postFix('E2E-COMES', 9.9733, HERE[1]);
  await admin.call('POST', `/api/v1/incidents/${id}/assign`, { unit_id: 'E2E-COMES' });
  await openAs('dispatcher', `/?incident=${id}`);
  const board = new Board(page);
  await board.ui.isLive();
  await expect(board.on).toContainText('1.5 km away, about 3 min');
  await device.postFix('E2E-COMES', 9.9683, HERE[1]);
  await expect(board.on).toContainText(/7\d\d m away, about/);
});

test('an incident is opened by its pin on the map', async ({ api, openAs, page }) => {
  const { id } = await incident(await api('admin'), 'traffic');
  await openAs('dispatcher', `/?incident=${id}`);
  const board = new Board(page);
  await board.ui.isLive();
  await board.drawer.getByRole('button', { name: 'Show on map' }).click();
  await board.ui.settled();
  await board.drawer.getByRole('link', { name: 'Close' }).click();
  await expect(board.drawer).toHaveCount(0);
  // The map is wider now, and keeps its middle: the head of the pin is above it.
  const map = page.getByRole('region', { name: /^Map of the units/ });
  await expect(async () => {
    const box = (await map.boundingBox()) ?? { x: 0, y: 0, width: 0, height: 0 };
    await map.click({ position: { x: box.width / 2, y: box.height / 2 - 17 } });
    await expect(board.drawer.getByRole('heading', { name: 'Traffic' })).toBeVisible({ timeout: 1_000 });
  }).toPass();
});

test('who only looks on sees incidents and changes nothing', async ({ api, browser, server }) => {
  const admin = await api('admin');
  await admin.call('POST', '/api/v1/users', { username: 'bystander', name: 'Bystander', password: PASSWORD, role: 'viewer', scope: 'zone:3' });
  await incident(admin, 'theft');
  const context = await browser.newContext();
  const page = await context.newPage();
  await signIn(page, 'bystander', '/', server.url);
  const board = await openBoard(page);
  await board.row('Theft').click();
  await expect(board.drawer).toContainText('Nobody sent');
  await page.keyboard.press('n');
  await expect(board.form).toHaveCount(0);
  await expect(board.near).toHaveCount(0);
  await expect(board.drawer.getByRole('button', { name: 'Close', exact: true })).toHaveCount(0);
  await context.close();
});

for (const look of ['dark', 'light'] as const) {
  test.describe(`${look}:`, () => {
    test.use({ look });
    test('axe finds no serious fault with the board, an incident and the form', async ({ api, openAs, page }) => {
          const admin = await api('admin');
      await unit(admin, `E2E-AXE-${look}`);
      const { id } = await incident(admin, 'fire', { priority: 'high', notes: 'Smoke from the roof' });
      await incident(admin, 'theft', { priority: 'low' });
      await admin.call('POST', `/api/v1/incidents/${id}/assign`, { unit_id: `E2E-AXE-${look}` });
      await openAs('commander');
      const board = await openBoard(page);
      await board.row('Fire').click();
      await expect(board.near.getByRole('listitem').first()).toBeVisible();
      await hasNoFault(page);
      await page.keyboard.press('?');
      await board.drawer.getByRole('button', { name: 'Hand over' }).click();
      await hasNoFault(page);
      await board.section.getByRole('button', { name: 'New' }).click();
      await expect(board.form).toBeVisible();
      await hasNoFault(page);
    });
  });
}

test.describe('on a tablet:', () => {
  test.use({ viewport: { width: 1024, height: 768 }, hasTouch: true });

  test('a chief takes the own unit through its steps with a thumb', async ({ api, openAs, page }) => {
    const admin = await api('admin');
    await unit(admin, 'E2E-THUMB');
    const { id } = await incident(admin, 'disturbance');
    await admin.call('POST', `/api/v1/incidents/${id}/assign`, { unit_id: 'E2E-THUMB' });
    await openAs('chief5');
    const board = new Board(page);
    await board.ui.isLive();
    await page.getByRole('navigation', { name: 'What stands beside the map' }).getByRole('button', { name: /^Incidents/ }).tap();
    await board.row('Disturbance').tap();
    for (const word of ['Accepted', 'On scene']) {
      const step = board.on.getByRole('button', { name: new RegExp(`^${word}`) });
      const box = await step.boundingBox();
      expect(box?.height ?? 0).toBeGreaterThanOrEqual(44);
      await step.tap();
      await expect(board.step('E2E-THUMB')).toContainText(word);
    }
    const small = await page.evaluate(() =>
      [...document.querySelectorAll<HTMLElement>('#board button, #board input, .task-drawer button, .task-drawer input')]
        .filter((element) => element.checkVisibility({ visibilityProperty: true }))
        .map((element) => ({ element, box: element.getBoundingClientRect() }))
        .filter(({ box }) => box.width > 1 && box.height < 43.5)
        .map(({ element, box }) => `${element.textContent?.trim()} ${Math.round(box.width)}×${Math.round(box.height)}`),
    );
    expect(small).toEqual([]);
    await expect(board.near).toHaveCount(0);
  });
});

for (const width of [390, 1024, 1440]) {
  test.describe(`at ${width} pixels:`, () => {
    test.use({ viewport: { width, height: 844 }, hasTouch: width < 1440 });

    test("an order's links fit, and every button has room for a thumb", async ({ api, openAs, page }) => {
      const { id, close } = await order(await api('admin'));
      await openAs('dispatcher', `/?order=${id}`);
      const board = new Board(page);
      await board.ui.isLive();
      await board.links.getByRole('button', { name: 'New link' }).click();
      await board.links.getByRole('button', { name: 'Revoke', exact: true }).click();
      await board.links.getByRole('button', { name: 'Keep it' }).click();
      const beyond = await page.evaluate(() =>
        [document.documentElement, ...document.querySelectorAll('.task-drawer, .task-body')].map((box) => box.scrollWidth - box.clientWidth),
      );
      expect(Math.max(...beyond), 'pixels wider than there is room').toBeLessThanOrEqual(0);
      if (width < 1440) {
        for (const button of await board.links.getByRole('button').all()) {
          expect((await button.boundingBox())?.height ?? 44).toBeGreaterThanOrEqual(43.5);
        }
      }
      await close();
    });
  });
}

test.describe('on a phone:', () => {
  test.use({ viewport: { width: 390, height: 844 }, hasTouch: true, isMobile: true });

  test('the board is a sheet, and an incident one above it', async ({ api, openAs, page }) => {
    await incident(await api('admin'), 'medical');
    await openAs('dispatcher');
    const board = new Board(page);
    await board.ui.isLive();
    await page.getByRole('navigation', { name: 'What stands beside the map' }).getByRole('button', { name: /^Incidents/ }).tap();
    await expect(board.row('Medical')).toBeVisible();
    await hasNoFault(page);
    await board.row('Medical').tap();
    await expect(board.drawer.getByRole('heading', { name: 'Medical' })).toBeVisible();
    const over = await page.evaluate(() => document.documentElement.scrollWidth - document.documentElement.clientWidth);
    expect(over, 'pixels wider than the screen').toBeLessThanOrEqual(0);
    await hasNoFault(page);
  });
});
