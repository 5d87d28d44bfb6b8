// Goes on live where the page leaves off: the order over a WebSocket, by asking where there is
// none, and a map. Words stand in the page; what is drawn and counted stands here.
(() => {
  'use strict';
  const $ = (id) => document.getElementById(id);
  const main = document.querySelector('main');
  const box = $('map');
  const here = location.pathname.replace(/\/$/, '');
  const calm = matchMedia('(prefers-reduced-motion: reduce)');
  const dark = matchMedia('(prefers-color-scheme: dark)');
  /** After so long without a word a place counts as old. */
  const OLD_MS = 90_000;
  const OVER = 4103;
  const ENDED = 4100;

  let order = JSON.parse(box.dataset.now);
  let map;

  // --- what is told -------------------------------------------------------------------------

  const isOver = () => order.state === 'delivered' || order.state === 'cancelled';
  const clock = (time) => new Date(time).toLocaleTimeString([], { hour: '2-digit', minute: '2-digit' });

  function eta(seconds) {
    const minutes = Math.max(1, Math.ceil(seconds / 60));
    if (minutes < 60) return [String(minutes), 'min'];
    return [`${Math.floor(minutes / 60)}:${String(minutes % 60).padStart(2, '0')}`, 'h'];
  }

  function far(metres) {
    if (metres < 995) return `${Math.max(1, Math.round(metres / 10)) * 10} m`;
    return metres < 9950 ? `${(metres / 1000).toFixed(1)} km` : `${Math.round(metres / 1000)} km`;
  }

  function put(element, ...parts) {
    const texts = parts.map((part) => (typeof part === 'string' ? document.createTextNode(part) : part));
    element.replaceChildren(...texts);
  }

  function made(tag, text) {
    const element = document.createElement(tag);
    element.textContent = text;
    return element;
  }

  let said = { state: order.state, minutes: Infinity };

  /** Read out what somebody who waits wants to know, and no more. */
  function say(title) {
    const minutes = order.eta_s === null ? Infinity : Math.max(1, Math.ceil(order.eta_s / 60));
    const passed = [30, 20, 15, 10, 5, 3, 1].some((mark) => minutes <= mark && said.minutes > mark);
    const time = minutes === Infinity ? '' : `, ${minutes === 1 ? 'a minute' : `${minutes} minutes`} away`;
    if (order.state !== said.state || (passed && said.minutes !== Infinity)) $('said').textContent = title + time;
    said = { state: order.state, minutes };
  }

  function tell() {
    const words = document.querySelector(`#words [data-of="${order.state}"]`).dataset;
    main.dataset.state = order.state;
    main.toggleAttribute('data-timed', order.eta_s !== null);
    document.title = order.eta_s === null ? words.title : `${eta(order.eta_s).join(' ')} · ${words.title}`;
    if ($('title').textContent !== words.title) $('title').textContent = words.title;
    $('below').textContent = words.below;
    if (order.eta_s !== null) {
      const [count, unit] = eta(order.eta_s);
      put($('eta'), made('b', count), ` ${unit}`);
      put($('far'), `${far(order.distance_m)} away`, made('time', `around ${clock(Date.now() + order.eta_s * 1000)}`));
    }
    [...$('steps').children].forEach((step, n) => {
      const at = Number(words.step);
      step.className = n < at ? 'done' : n === at ? 'now' : 'next';
      if (n === at) step.setAttribute('aria-current', 'step');
      else step.removeAttribute('aria-current');
      step.firstElementChild.textContent = n < at ? 'done: ' : n === at ? 'now: ' : '';
    });
    say(words.title);
    age();
  }

  function age() {
    const silent = order.driver ? Date.now() - Date.parse(order.driver.time) : 0;
    const isOld = silent > OLD_MS;
    const minutes = Math.round(silent / 60_000);
    $('seen').textContent = isOld ? `Your driver was last seen ${minutes} min ago.` : '';
    map?.mark(isOld);
  }

  function connected(isSo) {
    const live = $('live');
    live.hidden = isOver();
    live.classList.toggle('off', !isSo);
    live.textContent = isSo ? 'Live' : 'Reconnecting…';
  }

  function take(next) {
    order = next;
    tell();
    show();
  }

  // --- how it comes -------------------------------------------------------------------------

  let socket;
  let tries = 0;
  let timer;

  function later(what, ms) {
    clearTimeout(timer);
    timer = setTimeout(what, ms);
  }

  function listen() {
    if (isOver() || socket) return;
    const own = new WebSocket(`${location.origin.replace(/^http/, 'ws')}${here}/live`);
    socket = own;
    own.onmessage = (message) => {
      tries = 0;
      take(JSON.parse(message.data));
      connected(true);
    };
    own.onclose = ({ code }) => {
      if (socket !== own) return;
      socket = undefined;
      if (code === OVER || isOver()) return;
      if (code === ENDED) return location.reload();
      tries += 1;
      ask();
    };
  }

  /** Where there is no socket, or not now. */
  async function ask() {
    const again = Math.min(10_000, 500 * 2 ** tries) * (0.75 + Math.random() / 2);
    try {
      const answer = await fetch(`${here}/now`, { cache: 'no-store' });
      if (answer.status === 404) return location.reload();
      if (answer.ok) take(await answer.json());
      connected(answer.ok);
    } catch {
      connected(false);
    }
    if (!isOver()) later(listen, again);
  }

  addEventListener('online', listen);
  document.addEventListener('visibilitychange', () => {
    if (document.visibilityState !== 'visible') return;
    // A phone that slept may hold a socket through which nothing comes any more.
    const old = socket;
    socket = undefined;
    old?.close();
    listen();
  });
  addEventListener('pagehide', () => socket?.close());
  setInterval(age, 5_000);

  // --- the map ------------------------------------------------------------------------------

  /** Leaflet's style goes before the page's own, which has the last word. */
  function load(tag, attributes) {
    return new Promise((resolve, reject) => {
      const element = Object.assign(document.createElement(tag), attributes);
      element.onload = resolve;
      element.onerror = reject;
      document.head.prepend(element);
    });
  }

  let coming;

  function show() {
    if (isOver()) {
      box.hidden = true;
      map = undefined;
      return;
    }
    if (map) return map.move();
    coming ??= Promise.all([
      load('link', { rel: 'stylesheet', href: '/pkg/leaflet.css' }),
      load('script', { src: '/pkg/leaflet.js' }),
      load('script', { src: '/t/map.js' }),
    ]).then(
      () => {
        if (isOver()) return;
        box.hidden = false;
        map = window.orderMap(box, () => order, { calm, dark });
        age();
      },
      // It is told in words all the same.
      () => {},
    );
  }

  tell();
  show();
  listen();
})();
