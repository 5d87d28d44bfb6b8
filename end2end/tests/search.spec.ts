import { Console } from './support/console';
import { expect, test } from './support/fixtures';

test('Ctrl-K finds a unit and opens it, without a mouse', async ({ openAs, page }) => {
  await openAs('commander');
  const ui = new Console(page);
  await ui.isLive();
  await page.keyboard.press('Control+k');
  const { palette } = ui;
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
  const { palette } = ui;
  await page.keyboard.type('no such thing anywhere');
  await expect(palette).toContainText(/Nothing of that name/);
  await page.keyboard.press('Control+a');
  await page.keyboard.type('Kadavan');
  await palette.getByRole('option', { name: /Kadavanthra/ }).first().click();
  await expect(page).toHaveURL(/scope=station(:|%3A)5/);
});

test('a unit of another area is found as well, and opened where it is seen', async ({ openAs, page }) => {
  await openAs('zone3', '/?scope=station:5');
  const ui = new Console(page);
  await ui.isLive();
  await page.keyboard.press('Control+k');
  await page.keyboard.type('Vyttila PC');
  const other = ui.palette.getByRole('option', { name: /PC-\d+.*Vyttila/ }).first();
  await expect(other).toBeVisible();
  const name = ((await other.textContent()) ?? '').match(/PC-\d+/)?.[0] ?? 'none';
  await other.click();
  await expect(page).toHaveURL(/scope=zone(:|%3A)3/);
  await expect(ui.drawer.getByRole('heading', { name })).toBeVisible();
  await expect(ui.drawer.getByText('This unit is not here')).toHaveCount(0);
});

test('Escape leaves the search and gives the focus back', async ({ openAs, page }) => {
  await openAs('commander');
  const ui = new Console(page);
  await ui.isLive();
  const opener = page.getByRole('button', { name: /Find a unit or an area/ });
  await opener.focus();
  await page.keyboard.press('Enter');
  await expect(ui.palette).toBeVisible();
  await page.keyboard.press('Escape');
  await expect(ui.palette).toBeHidden();
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
  await expect(page.getByText('No unit is like that')).toBeVisible();
  await page.getByRole('button', { name: 'Show all', exact: true }).click();
  await expect(ui.list.getByRole('option').first()).toBeVisible();
  await expect(page.getByText('No unit is like that')).toBeHidden();

  const byStatus = page.getByRole('group', { name: 'Show units by status' });
  await byStatus.getByRole('button', { name: /Offline/ }).click();
  await expect(page.getByText(/^0 of \d+ units$/)).toBeVisible();
  await byStatus.getByRole('button', { name: /Offline/ }).click();
  await expect(ui.list.getByRole('option').first()).toBeVisible();
});
