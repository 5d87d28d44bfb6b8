// The look that the person has chosen in the dashboard: dark, unless it is light or the system's.
const chosen = /(?:^|; )sentinel_theme=(\w+)/.exec(document.cookie)?.[1] ?? 'dark';
const system = matchMedia('(prefers-color-scheme: dark)');
const show = () =>
  document.documentElement.classList.toggle('dark-mode', chosen === 'dark' || (chosen === 'system' && system.matches));
system.addEventListener('change', show);
show();
