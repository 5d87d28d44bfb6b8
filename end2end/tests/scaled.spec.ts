// Two nodes are one Sentinel, and the page recovers by itself from what happens behind it.
import { Console } from './support/console';
import { expect, signIn, test } from './support/fixtures';
import { missing, Town } from './support/town';

test.skip(missing() !== undefined, missing());

let town: Town;
test.beforeAll(async () => {
  town = await Town.start();
});
test.afterAll(async () => {
  await town?.remove();
});

test('what moves at one node is seen at the other', async ({ page, watch }) => {
  watch.forgive(new RegExp(new URL(town.nodes[1].url).host)); // a node of its own, so another origin
  await signIn(page, 'chief5', '/', town.nodes[1].url);
  const ui = new Console(page);
  await ui.isLive();
  const before = await ui.map.screenshot();
  await expect.poll(async () => (await ui.map.screenshot()).equals(before), { message: 'the map stands still' }).toBe(false);
});

test('the node of a page is killed: the page says so and is live again when it is back', async ({ page, watch }) => {
  watch.forgive(/./); // every request fails while nobody answers
  const node = town.nodes[1];
  await signIn(page, 'chief5', '/', node.url);
  const ui = new Console(page);
  await ui.isLive();
  await page.evaluate(() => Object.assign(window, { sameDocument: true }));
  await node.down('SIGKILL');
  await expect(ui.connection).toHaveText(/: (Reconnecting|Offline)/);
  await node.up();
  await ui.isLive();
  expect(await page.evaluate(() => 'sameDocument' in window), 'the page was not loaded again').toBe(true);
  const map = await ui.map.screenshot();
  await expect.poll(async () => (await ui.map.screenshot()).equals(map), { message: 'units move again' }).toBe(false);
});

test('the nodes are cut off from one another: the page does not call what stands still live, and recovers', async ({ page, watch }) => {
  watch.forgive(/./); // a node that is cut off refuses
  await signIn(page, 'chief5', '/', town.nodes[1].url);
  const ui = new Console(page);
  await ui.isLive();
  await page.evaluate(() => Object.assign(window, { sameDocument: true }));
  town.freezeRedis();
  try {
    await expect(ui.connection).toHaveText(/: (Reconnecting|Offline)/, { timeout: 30_000 });
  } finally {
    town.thawRedis();
  }
  await ui.isLive();
  expect(await page.evaluate(() => 'sameDocument' in window), 'the page was not loaded again').toBe(true);
  const map = await ui.map.screenshot();
  await expect.poll(async () => (await ui.map.screenshot()).equals(map), { message: 'units move again' }).toBe(false);
});
