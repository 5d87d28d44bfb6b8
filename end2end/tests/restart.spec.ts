// The server goes away and comes back; the page recovers by itself.
import { Console } from './support/console';
import { expect, Server, signIn, test } from './support/fixtures';

for (const signal of ['SIGTERM', 'SIGKILL'] as const) {
  test(`the page says that it lost the server (${signal}) and is live again when it is back`, async ({ page, watch }) => {
    watch.forgive(/./); // every request fails while nobody answers
    const server = await Server.start();
    try {
      await signIn(page, 'chief5', '/', server.url);
      const ui = new Console(page);
      await ui.isLive();
      await page.evaluate(() => Object.assign(window, { sameDocument: true }));

      await server.down(signal);
      await expect(ui.connection).toHaveText(/: (Reconnecting|Offline)/);
      await server.up();
      await ui.isLive();
      expect(await page.evaluate(() => 'sameDocument' in window), 'the page was not loaded again').toBe(true);

      const map = await ui.map.screenshot();
      await expect.poll(async () => (await ui.map.screenshot()).equals(map), { message: 'units move again' }).toBe(false);
    } finally {
      await server.remove();
    }
  });
}

test('losing the server is said over the map, and what is old looks old, until it is back', async ({ page, watch }) => {
  watch.forgive(/./); // every request fails while nobody answers
  const server = await Server.start();
  try {
    await signIn(page, 'chief5', '/', server.url);
    const ui = new Console(page);
    await ui.isLive();
    const banner = ui.map.getByRole('status').filter({ hasText: /since|lost/ });
    await expect(banner).toHaveCount(0);
    const before = await ui.map.boundingBox();

    await server.down('SIGKILL');
    await expect(banner).toContainText(/Connection lost at \d\d:\d\d/);
    await expect(banner).toContainText(/Offline since \d\d:\d\d.*What you see is from then/);
    await expect(ui.list).toHaveCSS('filter', /grayscale/);
    expect(await ui.map.boundingBox(), 'nothing jumps').toEqual(before);
    const said = await banner.boundingBox();
    for (const button of await ui.map.getByRole('button').filter({ visible: true }).all()) {
      const box = await button.boundingBox();
      const apart = !said || !box || box.y >= said.y + said.height || said.y >= box.y + box.height || box.x >= said.x + said.width || said.x >= box.x + box.width;
      expect(apart, `${await button.textContent()} is not covered`).toBe(true);
    }

    await server.up();
    await ui.isLive();
    await expect(banner).toHaveCount(0);
    await expect(ui.list).toHaveCSS('filter', 'none');
  } finally {
    await server.remove();
  }
});
