// The browser's own Back: it closes a unit before it leaves the page.
import { Console } from './support/console';
import { expect, test } from './support/fixtures';

test('back closes the unit that was opened, and stays on the page', async ({ openAs, page }) => {
  await openAs('chief5');
  const ui = new Console(page);
  await ui.isLive();
  // Whichever: units of other tests may stand above those of the demo.
  const [first, second] = await ui.list.getByRole('option').evaluateAll((rows) => rows.map((row) => row.id.replace(/^unit-/, '')));
  const row = (id = '') => ui.list.locator(`[id="unit-${id}"]`);
  const steps = () => page.evaluate(() => history.length);
  const at_first = await steps();

  await row(first).click();
  await expect(ui.drawer).toBeVisible();
  await expect(page).toHaveURL(new RegExp(`unit=${first}`));
  await row(second).click();
  await expect(page).toHaveURL(new RegExp(`unit=${second}`));
  expect(await steps(), 'choosing another unit is no step').toBe(at_first + 1);
  await page.goBack();
  await expect(ui.drawer).toBeHidden();
  await ui.isLive();
  await page.goForward();
  await expect(ui.drawer.getByRole('heading', { name: second ?? '' })).toBeVisible();
});

test('closing a unit leaves no step behind, however often', async ({ openAs, page }) => {
  await openAs('chief5');
  const ui = new Console(page);
  await ui.isLive();
  await page.evaluate(() => Object.assign(window, { sameDocument: true }));
  const at_first = await page.evaluate(() => history.length);
  for (const close of ['link', 'key', 'link']) {
    await ui.list.getByRole('option').first().click();
    await expect(ui.drawer).toBeVisible();
    if (close === 'link') await ui.drawer.getByRole('link', { name: 'Close' }).click();
    else await page.keyboard.press('Escape');
    await expect(ui.drawer).toBeHidden();
    await expect(page).not.toHaveURL(/unit=/);
  }
  expect(await page.evaluate(() => history.length)).toBe(at_first + 1);
  expect(await page.evaluate(() => 'sameDocument' in window), 'the page was not left').toBe(true);
});

test('a unit that a link led to closes in place', async ({ openAs, page }) => {
  await openAs('chief5', '/?scope=station:5&unit=PC-031');
  const ui = new Console(page);
  await ui.isLive();
  await expect(ui.drawer).toBeVisible();
  await ui.drawer.getByRole('link', { name: 'Close' }).click();
  await expect(ui.drawer).toBeHidden();
  await ui.isLive();
});
