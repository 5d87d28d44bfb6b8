import { Console } from './support/console';
import { expect, test } from './support/fixtures';

test('Ctrl-K finds a unit and opens it, without a mouse', async ({ openAs, page }) => {
  await openAs('commander');
  const ui = new Console(page);
  await ui.isLive();
  await page.keyboard.press('Control+k');
  const palette = page.getByRole('dialog', { name: /search/i });
  await expect(palette).toBeVisible();
  await page.keyboard.type('PC-017');
  await expect(palette.getByRole('option').first()).toContainText('PC-017');
  await page.keyboard.press('Enter');
  await expect(palette).toBeHidden();
  await expect(ui.drawer.getByRole('heading', { name: 'PC-017' })).toBeVisible();
  await page.keyboard.press('Escape');
  await expect(ui.drawer).toBeHidden();
});

test('the search finds a station too, and says when there is nothing', async ({ openAs, page }) => {
  await openAs('commander');
  const ui = new Console(page);
  await ui.isLive();
  await page.keyboard.press('Control+k');
  const palette = page.getByRole('dialog', { name: /search/i });
  await page.keyboard.type('no such thing anywhere');
  await expect(palette).toContainText(/nothing|no match|no unit/i);
  await page.keyboard.press('Control+a');
  await page.keyboard.type('Kadavan');
  await palette.getByRole('option', { name: /Kadavanthra/ }).first().click();
  await expect(page).toHaveURL(/scope=station(:|%3A)5/);
});

test('Escape leaves the search and gives the focus back', async ({ openAs, page }) => {
  await openAs('commander');
  await new Console(page).isLive();
  const opener = page.getByRole('button', { name: /search/i }).first();
  await opener.focus();
  await page.keyboard.press('Enter');
  await expect(page.getByRole('dialog', { name: /search/i })).toBeVisible();
  await page.keyboard.press('Escape');
  await expect(page.getByRole('dialog', { name: /search/i })).toBeHidden();
  await expect(opener).toBeFocused();
});

test('the list is filtered by words and by state', async ({ openAs, page }) => {
  await openAs('commander');
  const ui = new Console(page);
  await ui.isLive();
  await ui.filter('PC-01');
  await expect(ui.unit('PC-010')).toBeVisible();
  await expect(ui.unit('PC-100')).toHaveCount(0);
  await ui.filter('nobody-is-called-this');
  await expect(ui.unit('PC-010')).toHaveCount(0);
  await expect(page.getByText(/no units?/i).first()).toBeVisible();
});
