// A customer's phone: the page behind an order's link.
import type { Page } from '@playwright/test';
import { hasNoFault } from './support/axe';
import { type Api, expect, test } from './support/fixtures';

const PLACE = { latitude: 9.9624, longitude: 76.2995 };

interface Scene {
  url: string;
  link: string;
  order: string;
  admin: Api;
  /** Who is sent to it. */
  device: Api;
  drive: (latitude: number, longitude?: number) => Promise<void>;
  assign: () => Promise<void>;
  status: (status: string) => Promise<void>;
}

let made = 0;

/** An order with a link, and a driver of its own who is on duty near by. */
async function scene(admin: Api): Promise<Scene> {
  made += 1;
  const [order, unit] = [`A-${Date.now()}-${made}`, `DRV-${Date.now()}-${made}`];
  await admin.call('POST', '/api/v1/orders', { id: order, ...PLACE, address: 'Panampilly Nagar 14', customer: 'Asha K.', scope: 'station:5' });
  const { id, url } = await admin.call<{ id: string; url: string }>('POST', `/api/v1/orders/${order}/links`, {});
  const device = await admin.newUnit(unit, 'station:5');
  const drive = (latitude: number, longitude = PLACE.longitude) => device.postFix(unit, latitude, longitude);
  await drive(9.99);
  const assignment = `${order}.1`;
  return {
    url,
    link: `/api/v1/orders/${order}/links/${id}`,
    order,
    admin,
    device,
    drive,
    assign: async () => void (await admin.call('POST', `/api/v1/orders/${order}/assign`, { unit_id: unit })),
    status: async (status) => void (await device.call('POST', `/api/v1/assignments/${assignment}/status`, { status })),
  };
}

const title = (page: Page) => page.getByRole('heading', { level: 1 });
const step = (page: Page) => page.getByRole('list', { name: 'Progress' }).locator('[aria-current="step"]');

test.describe("on a customer's phone:", () => {
  test.use({ viewport: { width: 390, height: 844 }, hasTouch: true, isMobile: true });

  test('the driver is seen to set out, to come nearer and to arrive, and the page ends with the order', async ({ api, page }) => {
    const it = await scene(await api('admin'));
    await page.goto(it.url);
    await expect(title(page)).toHaveText('We have your order');
    await expect(page.getByText('Panampilly Nagar 14')).toBeVisible();
    await expect(page.getByRole('region', { name: 'Map' })).toBeVisible();
    await expect(page.locator('.driver')).toHaveCount(0);
    await it.assign();
    await expect(title(page)).toHaveText('Your driver is getting ready');
    await expect(page.locator('.driver')).toBeVisible();
    await it.status('en_route');
    await expect(title(page)).toHaveText('On the way to you');
    await expect(step(page)).toContainText('On the way');
    await expect(page.locator('#far')).toContainText('km away');
    const minutes = () => page.locator('#eta b').textContent().then(Number);
    const far = await minutes();
    await it.drive(9.97);
    await expect.poll(minutes).toBeLessThan(far);
    await it.drive(9.9635);
    await expect(page.locator('#far')).toContainText('m away');
    await expect(page.locator('#eta')).toHaveText('1 min');
    await expect(page.getByRole('status')).toContainText('On the way to you, a minute away');

    const beyond = await page.evaluate(() => document.documentElement.scrollWidth - window.innerWidth);
    expect(beyond, 'pixels wider than the screen').toBeLessThanOrEqual(0);
    const html = await page.content();
    for (const secret of ['DRV-', 'Asha', 'station:5']) expect(html).not.toContain(secret);
    await hasNoFault(page);

    await it.status('on_scene');
    await expect(title(page)).toHaveText('Your driver is here');
    await it.status('cleared');
    await expect(title(page)).toHaveText('Delivered');
    await expect(page.getByRole('region', { name: 'Map' })).toBeHidden();
    await hasNoFault(page);
  });

  test('the map can be moved away and brought back by a thumb', async ({ api, page }) => {
    const it = await scene(await api('admin'));
    await it.assign();
    await page.goto(it.url);
    await expect(page.locator('.driver')).toBeVisible();
    const back = page.getByRole('button', { name: 'Show the way' });
    await expect(back).toBeHidden();
    const map = await page.getByRole('region', { name: 'Map' }).boundingBox();
    if (!map) throw new Error('there is no map');
    const [x, y] = [map.x + map.width / 2, map.y + map.height / 2];
    await page.mouse.move(x, y);
    await page.mouse.down();
    await page.mouse.move(x - 150, y - 120, { steps: 5 });
    await page.mouse.up();
    await expect(back).toBeVisible();
    expect((await back.boundingBox())?.height).toBeGreaterThanOrEqual(44);
    await back.tap();
    await expect(back).toBeHidden();
    await expect(page.locator('.driver')).toBeInViewport();
  });

  test('a link that is revoked ends the page that is open, and shows what one that never was shows', async ({ api, page, watch }) => {
    watch.forgive(/status of 404/);
    const it = await scene(await api('admin'));
    await page.goto(it.url);
    await expect(title(page)).toHaveText('We have your order');
    await it.admin.fetch('DELETE', it.link);
    await expect(title(page)).toHaveText('This link has ended');
    await hasNoFault(page);
    const ended = await page.content();
    const answer = await page.goto(`/t/${it.order}~0123456789abcdef~AAAAAAAAAAAAAAAAAAAAAA`);
    expect(answer?.status()).toBe(404);
    expect(await page.content()).toBe(ended);
  });

  test.describe('in daylight, without motion:', () => {
    test.use({ colorScheme: 'light', contextOptions: { reducedMotion: 'reduce' } });

    test('axe finds no serious fault in the other look, and nothing moves for who wants that', async ({ api, page }) => {
      const it = await scene(await api('admin'));
      await it.assign();
      await it.status('en_route');
      await page.goto(it.url);
      await expect(page.locator('.driver')).toBeVisible();
      await hasNoFault(page);
      const running = await page.evaluate(() => document.getAnimations().length);
      expect(running).toBe(0);
    });
  });
});

test.describe('where sockets do not come through:', () => {
  test('the page asks instead', async ({ api, page }) => {
    await page.routeWebSocket(/\/live$/, (socket) => socket.close({ code: 1011, reason: 'a proxy in between' }));
    const it = await scene(await api('admin'));
    await page.goto(it.url);
    await expect(title(page)).toHaveText('We have your order');
    await it.assign();
    await expect(title(page)).toHaveText('Your driver is getting ready');
  });
});

test.describe('without JavaScript:', () => {
  test.use({ javaScriptEnabled: false, viewport: { width: 390, height: 844 } });

  test('the page tells it in words, and renews itself', async ({ api, page }) => {
    const it = await scene(await api('admin'));
    await it.assign();
    await it.status('en_route');
    await page.goto(it.url);
    await expect(title(page)).toHaveText('On the way to you');
    await expect(page.locator('#eta')).toContainText('min');
    await expect(page.locator('#far')).toContainText('km away');
    await expect(step(page)).toContainText('On the way');
    await expect(page.locator('noscript p', { hasText: 'renews itself' })).toBeVisible();
    await expect(page.locator('meta[http-equiv="refresh"]')).toHaveCount(1);
    await it.status('on_scene');
    await page.reload();
    await expect(title(page)).toHaveText('Your driver is here');
  });
});
