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
