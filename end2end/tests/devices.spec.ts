// The station's tablet and the phone in a pocket: everything in reach of a thumb.
import type { Page } from '@playwright/test';
import { Console } from './support/console';
import { expect, test } from './support/fixtures';

/** Nothing hangs over the edge. */
async function fits(page: Page): Promise<void> {
  const over = await page.evaluate(() => document.documentElement.scrollWidth - document.documentElement.clientWidth);
  expect(over, 'pixels wider than the screen').toBeLessThanOrEqual(0);
}

/** Names of visible buttons that a finger would miss: under 44 CSS pixels either way. */
function smallTargets(page: Page): Promise<string[]> {
  return page.evaluate(() =>
    [...document.querySelectorAll<HTMLElement>('button, [role="button"], [role="option"], summary, input:not([type="hidden"]), select')]
      .filter((element) => element.checkVisibility({ visibilityProperty: true, opacityProperty: true }))
      .map((element) => ({ element, box: element.getBoundingClientRect() }))
      .filter(({ box }) => box.width > 1 && box.height > 1 && box.right > 0 && box.bottom > 0 && box.left < innerWidth && box.top < innerHeight)
      .filter(({ box }) => box.width < 43.5 || box.height < 43.5)
      .map(({ element, box }) => `${element.getAttribute('aria-label') ?? element.textContent?.trim()} ${Math.round(box.width)}×${Math.round(box.height)}`),
  );
}

for (const [device, viewport] of [
  ['tablet', { width: 1024, height: 768 }],
  ['phone', { width: 390, height: 844 }],
] as const) {
  test.describe(`on a ${device}:`, () => {
    test.use({ viewport, hasTouch: true, isMobile: device === 'phone' });

    test('signing in fits and works by touch', async ({ page }) => {
      await page.goto('/login');
      await fits(page);
      await page.getByLabel('User name').fill('chief5');
      await page.getByLabel('Password', { exact: true }).fill('sentinel-demo');
      await page.getByRole('button', { name: 'Sign in' }).tap();
      await new Console(page).isLive();
    });

    test('the map fills the screen, the list and a unit are a tap away', async ({ openAs, page }) => {
      await openAs('chief5');
      const ui = new Console(page);
      await ui.isLive();
      await fits(page);
      const map = await ui.map.boundingBox();
      expect(map?.height ?? 0).toBeGreaterThan(viewport.height * 0.4);
      expect(await smallTargets(page)).toEqual([]);

      await ui.showList();
      const row = ui.list.getByRole('option').first();
      await expect(row).toBeVisible();
      await row.tap();
      await expect(ui.drawer).toBeVisible();
      await fits(page);
      expect(await smallTargets(page)).toEqual([]);
      await ui.drawer.getByRole('link', { name: 'Close' }).tap();
      await expect(ui.drawer).toBeHidden();
    });
  });
}
