// The screens that people have, and where their pictures go.
export const FOLDER = process.env.SENTINEL_SHOTS ?? '.';
export const LOOKS = ['dark', 'light'] as const;

const screen = (name: string, width: number, height: number, hasTouch: boolean, isMobile = false) => ({
  name,
  viewport: { width, height },
  hasTouch,
  isMobile,
});

export const DESKTOP = screen('desktop', 1440, 900, false);
export const TABLET = screen('tablet', 1024, 768, true);
export const TABLET_UPRIGHT = screen('tablet-upright', 768, 1024, true);
export const PHONE = screen('phone', 390, 844, true, true);
/** What hangs in a control room. */
export const WALL = screen('4k', 3840, 2160, false);
