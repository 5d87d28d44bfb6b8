import { hasNoFault } from './support/axe';
import { Console } from './support/console';
import { expect, test } from './support/fixtures';

for (const look of ['dark', 'light'] as const) {
  test.describe(`${look}:`, () => {
    test.use({ look });

    test('axe finds no serious fault on the sign-in page', async ({ page }) => {
      await page.goto('/login');
      await expect(page.getByLabel('User name')).toBeVisible();
      await hasNoFault(page);
    });

    test('axe finds no serious fault on the live map, nor with a unit open', async ({ openAs, page }) => {
      await openAs('commander');
      const ui = new Console(page);
      await ui.isLive();
      await hasNoFault(page);
      await ui.open('PC-001');
      await hasNoFault(page);
    });

    test('axe finds no serious fault where one has no permission', async ({ openAs, page, watch }) => {
      watch.forgive(/status of 403/);
      await openAs('chief5', '/?scope=zone:1');
      await expect(page.getByText('This area is not yours to see').first()).toBeVisible();
      await hasNoFault(page);
    });
  });
}

test.describe('on a phone:', () => {
  test.use({ viewport: { width: 390, height: 844 }, hasTouch: true, isMobile: true });
  test('axe finds no serious fault on the live map', async ({ openAs, page }) => {
    await openAs('commander');
    await new Console(page).isLive();
    await hasNoFault(page);
  });
});
