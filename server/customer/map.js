// The map of an order's page: outlines of this server's own, or the operator's tiles, the driver
// and where the order goes.
(() => {
  'use strict';

  /** Reads the outlines as the server packs them: postcard, lines as steps of 1/100000 degree. */
  function outlines(bytes) {
    const view = new DataView(bytes);
    const text = new TextDecoder();
    let at = 0;
    const byte = () => view.getUint8(at++);
    const number = () => {
      let value = 0;
      let shift = 1;
      for (;;) {
        const next = byte();
        value += (next & 127) * shift;
        if (next < 128) return value;
        shift *= 128;
      }
    };
    const step = () => {
      const value = number();
      return value % 2 ? -(value + 1) / 2 : value / 2;
    };
    const list = (read) => Array.from({ length: number() }, read);
    const option = (read) => (byte() ? read() : undefined);
    const word = () => {
      const length = number();
      at += length;
      return text.decode(new Uint8Array(bytes, at - length, length));
    };
    const degrees = () => {
      at += 8;
      return view.getFloat64(at - 8, true);
    };
    const line = () => {
      let [x, y] = [0, 0];
      return list(() => world((x += step()) / 1e5, (y += step()) / 1e5));
    };
    const feature = () => {
      const made = { kind: word(), class: option(word), name: option(word), rank: option(byte) };
      byte();
      option(number);
      const shape = number();
      made.lines = shape === 0 ? [line()] : shape === 1 ? list(line) : list(() => list(line)).flat();
      made.boxes = made.lines.map(bounds);
      return made;
    };
    const whole = option(() => [degrees(), degrees(), degrees(), degrees()]);
    const own = whole && bounds([world(whole[0], whole[1]), world(whole[2], whole[3])]);
    return { bounds: own, features: list(feature) };
  }

  /** Mercator, the world 1 wide. */
  function world(longitude, latitude) {
    const sine = Math.sin((Math.max(-85.05, Math.min(85.05, latitude)) * Math.PI) / 180);
    return [longitude / 360 + 0.5, 0.5 - Math.log((1 + sine) / (1 - sine)) / (4 * Math.PI)];
  }

  function bounds(points) {
    const box = [Infinity, Infinity, -Infinity, -Infinity];
    for (const [x, y] of points) {
      box[0] = Math.min(box[0], x);
      box[1] = Math.min(box[1], y);
      box[2] = Math.max(box[2], x);
      box[3] = Math.max(box[3], y);
    }
    return box;
  }
  const meets = (a, b) => a[0] <= b[2] && a[2] >= b[0] && a[1] <= b[3] && a[3] >= b[1];
  const holds = (a, b) => a[0] <= b[0] && a[1] <= b[1] && a[2] >= b[2] && a[3] >= b[3];

  /** The part of a ring inside a rectangle: at deep zooms a continent is millions of pixels wide. */
  function clip(ring, box) {
    for (const [axis, sign, edge] of [[0, 1, box[0]], [0, -1, box[2]], [1, 1, box[1]], [1, -1, box[3]]]) {
      const inside = (point) => (point[axis] - edge) * sign >= 0;
      const kept = [];
      let last = ring[ring.length - 1];
      for (const point of ring) {
        if (inside(point) !== inside(last)) {
          const f = (edge - last[axis]) / (point[axis] - last[axis]);
          kept.push([last[0] + (point[0] - last[0]) * f, last[1] + (point[1] - last[1]) * f]);
        }
        if (inside(point)) kept.push(point);
        last = point;
      }
      ring = kept;
      if (!ring.length) break;
    }
    return ring;
  }

  const SIDE = 512;
  const ROADS = ['street', 'secondary', 'primary', 'motorway'];
  const ROADS_FROM = [13, 11, 9, 8];
  const ROAD_WIDTHS = [0.8, 1.3, 2.0, 2.7];
  const NAMES_FROM = [9, 9, 10, 12, 13];

  function colours() {
    const style = getComputedStyle(document.documentElement);
    const of = (name) => style.getPropertyValue(`--map-${name}`).trim();
    return { land: of('land'), water: of('water'), coast: of('coast'), road: of('road'), casing: of('casing'), label: of('label'), way: style.getPropertyValue('--accent').trim() };
  }

  /** One tile of outlines. */
  function paint(canvas, { x, y, z }, maps, colour) {
    const ratio = devicePixelRatio || 1;
    canvas.width = canvas.height = Math.round(SIDE * ratio);
    const c = canvas.getContext('2d');
    c.scale(ratio, ratio);
    const scale = 256 * 2 ** z;
    const box = [x * SIDE, y * SIDE, (x + 1) * SIDE, (y + 1) * SIDE].map((edge) => edge / scale);
    const room = 40 / scale;
    const seen = [box[0] - room, box[1] - room, box[2] + room, box[3] + room];
    const trace = (points, closed) => {
      points.forEach(([px, py], n) => c[n ? 'lineTo' : 'moveTo'](px * scale - x * SIDE, py * scale - y * SIDE));
      if (closed) c.closePath();
    };
    const each = (map, kind, act, pick = () => true) => {
      for (const feature of map.features) {
        if (feature.kind !== kind || !pick(feature)) continue;
        feature.lines.forEach((line, n) => meets(feature.boxes[n], seen) && act(line));
      }
    };
    const stroke = (width, style) => {
      c.lineWidth = width;
      c.strokeStyle = style;
      c.stroke();
    };
    const ground = (map) => {
      c.fillStyle = colour.water;
      c.fillRect(0, 0, SIDE, SIDE);
      c.beginPath();
      each(map, 'land', (ring) => trace(clip(ring, seen), true));
      c.fillStyle = colour.land;
      c.fill('evenodd');
      stroke(1, colour.land);
      c.beginPath();
      each(map, 'coast', (line) => trace(line));
      stroke(1.2, colour.coast);
    };
    const roads = (map) => {
      for (const cased of z >= 12 ? [true, false] : [false]) {
        ROADS.forEach((name, n) => {
          if (z < ROADS_FROM[n]) return;
          c.beginPath();
          each(map, 'road', (line) => trace(line), (road) => (ROADS.includes(road.class) ? road.class : 'street') === name);
          const width = Math.max(0.7, Math.min(34, ROAD_WIDTHS[n] * 1.42 ** (z - 12)));
          stroke(width + (cased ? 1.8 : 0), cased || z < 12 ? colour.casing : colour.road);
        });
      }
    };
    c.lineJoin = c.lineCap = 'round';
    c.fillStyle = colour.water;
    c.fillRect(0, 0, SIDE, SIDE);
    const own = maps.city && z >= 8 && maps.city.bounds && meets(maps.city.bounds, box);
    if (maps.world && !(own && holds(maps.city.bounds, box))) ground(maps.world);
    if (!own) return;
    const [left, top, right, bottom] = maps.city.bounds;
    c.beginPath();
    c.rect(left * scale - x * SIDE, top * scale - y * SIDE, (right - left) * scale, (bottom - top) * scale);
    c.clip();
    ground(maps.city);
    if (z >= 11) {
      c.beginPath();
      each(maps.city, 'rail', (line) => trace(line));
      c.globalAlpha = 0.35;
      stroke(1, colour.label);
      c.globalAlpha = 1;
    }
    roads(maps.city);
  }

  const shape = (html) => {
    const made = document.createElement('div');
    made.innerHTML = html;
    return made.firstElementChild;
  };
  const DRIVER =
    '<span class="disc"><svg viewBox="0 0 24 24" aria-hidden="true"><path d="M12 2.6 19.6 20.4c.3.8-.5 1.5-1.2 1.1L12 18.2l-6.4 3.3c-.7.4-1.5-.3-1.2-1.1Z"/></svg></span>';
  const GOAL =
    '<svg viewBox="0 0 40 48" aria-hidden="true"><path class="pin" d="M20 46s16-14.3 16-26.2A16 16 0 0 0 20 3.6 16 16 0 0 0 4 19.8C4 31.7 20 46 20 46Z"/><path class="house" d="m20 11.4-9 7.7h2.6V27h4.6v-5h3.6v5h4.6v-7.9H29Z"/></svg>';

  window.orderMap = (box, order, { calm, dark }) => {
    const L = window.L;
    const still = calm.matches;
    const point = (place) => L.latLng(place.latitude, place.longitude);
    const map = L.map(box, {
      zoomControl: false,
      minZoom: 3,
      maxZoom: 18,
      zoomSnap: box.dataset.tiles ? 1 : 0.25,
      zoomAnimation: !still,
      fadeAnimation: !still,
      inertia: !still,
    });
    map.attributionControl.setPrefix(false).setPosition('bottomleft');
    if (matchMedia('(hover: hover)').matches) L.control.zoom({ position: 'bottomright' }).addTo(map);

    // --- ground ---
    const maps = {};
    const tiles = new Map();
    let colour = colours();
    const credit = 'Outlines: Natural Earth, city approximate';
    const ground = new L.GridLayer({ tileSize: SIDE, updateWhenZooming: false, zIndex: 0, attribution: credit });
    ground.createTile = (coords) => {
      const canvas = document.createElement('canvas');
      tiles.set(canvas, coords);
      paint(canvas, coords, maps, colour);
      return canvas;
    };
    ground.on('tileunload', ({ tile }) => tiles.delete(tile));
    const repaint = () => tiles.forEach((coords, canvas) => paint(canvas, coords, maps, colour));
    dark.addEventListener('change', () => {
      colour = colours();
      repaint();
    });
    const get = async (name, address) => {
      const answer = await fetch(address);
      if (!answer.ok || maps[name]) return;
      maps[name] = outlines(await answer.arrayBuffer());
      repaint();
    };
    const worldToo = () => {
      const [low, high] = [map.getBounds().getSouthWest(), map.getBounds().getNorthEast()];
      const seen = bounds([world(low.lng, low.lat), world(high.lng, high.lat)]);
      const isIn = maps.city?.bounds && holds(maps.city.bounds, seen);
      if (!isIn && !maps.world) get('world', '/outlines/world').catch(() => {});
    };
    if (box.dataset.tiles) {
      const own = L.tileLayer(box.dataset.tiles, { maxNativeZoom: 19, zIndex: 2, className: 'tiles' });
      let failed = 0;
      own.on('tileload', () => (failed = 0));
      // On a closed network the outlines beneath are the map.
      own.on('tileerror', () => ++failed === 6 && own.remove());
      own.addTo(map);
      if (box.dataset.credit) {
        const words = document.createElement('span');
        words.textContent = box.dataset.credit;
        map.attributionControl.addAttribution(words.innerHTML);
      }
    }

    const names = L.layerGroup();
    const name = () => {
      names.clearLayers();
      if (box.dataset.tiles || !maps.city || map.getZoom() < 9) return;
      const free = [];
      const places = maps.city.features.filter((feature) => feature.kind === 'place');
      for (const place of places.sort((a, b) => (a.rank ?? 4) - (b.rank ?? 4))) {
        const rank = place.rank ?? 4;
        if (map.getZoom() < (NAMES_FROM[rank] ?? 13)) continue;
        const [x, y] = place.lines[0][0];
        const at = map.options.crs.pointToLatLng(L.point(x, y).multiplyBy(256), 0);
        const where = map.latLngToContainerPoint(at);
        const taken = free.some((other) => Math.abs(other.x - where.x) < 110 && Math.abs(other.y - where.y) < 26);
        // Whole names alone: none cut by the edge, or by what lies over it.
        const isWhole = where.x > 60 && where.y > 40 && where.x < box.clientWidth - 60 && where.y < box.clientHeight - 32;
        if (!isWhole || taken) continue;
        free.push(where);
        const label = document.createElement('span');
        label.textContent = place.name ?? '';
        const className = `name${rank < 2 ? ' big' : ''}${place.class === 'water' ? ' water' : ''}`;
        names.addLayer(L.marker(at, { icon: L.divIcon({ html: label, className, iconSize: [0, 0] }), interactive: false, keyboard: false, pane: 'overlayPane' }));
      }
    };

    // --- what lies on it ---
    const options = { interactive: false, keyboard: false };
    const goal = L.marker(point(order().place), {
      ...options,
      icon: L.divIcon({ html: shape(GOAL), className: 'goal', iconSize: [40, 48], iconAnchor: [20, 46] }),
    });
    const between = L.polyline([], { ...options, weight: 4, dashArray: '0.1 10', lineCap: 'round', color: colour.way });
    const arrow = shape(DRIVER);
    const driver = L.marker(point(order().place), {
      ...options,
      zIndexOffset: 1000,
      icon: L.divIcon({ html: arrow, className: 'driver', iconSize: [44, 44] }),
    });
    let shown;
    let running;
    let moved = false;

    const again = document.createElement('button');
    again.type = 'button';
    again.className = 'again';
    again.textContent = 'Show the way';
    again.hidden = true;
    again.onclick = () => {
      moved = false;
      again.hidden = true;
      fit(true);
    };
    const away = () => {
      moved = true;
      again.hidden = false;
    };

    function fit(animate) {
      const target = order().driver && point(order().driver);
      const goalAt = point(order().place);
      const small = box.clientHeight < 420;
      if (!target) return map.setView(goalAt, 14.5, { animate: false });
      const room = { paddingTopLeft: [56, small ? 88 : 104], paddingBottomRight: [56, small ? 36 : 64] };
      map.fitBounds(L.latLngBounds([goalAt, target]), { ...room, maxZoom: 16, animate: animate && !calm.matches });
    }

    /** Whether the driver nears the edge, or has come so near that the map can. */
    function isOff(at) {
      const where = map.latLngToContainerPoint(at);
      const goalAt = map.latLngToContainerPoint(goal.getLatLng());
      const inside = where.x > 40 && where.y > 72 && where.x < box.clientWidth - 40 && where.y < box.clientHeight - 28;
      return !inside || (where.distanceTo(goalAt) < Math.min(box.clientWidth, box.clientHeight) / 4 && map.getZoom() < 15.9);
    }

    function place(at) {
      shown = at;
      driver.setLatLng(at);
      between.setLatLngs([at, goal.getLatLng()]);
    }

    function move() {
      goal.setLatLng(point(order().place));
      const next = order().driver;
      cancelAnimationFrame(running);
      if (!next) {
        driver.remove();
        between.remove();
        shown = undefined;
        return;
      }
      const [from, to] = [shown, point(next)];
      const turn = next.heading_deg;
      arrow.firstElementChild.style.transform = typeof turn === 'number' ? `rotate(${turn}deg)` : 'none';
      if (!from || calm.matches || from.distanceTo(to) > 2_000) {
        place(to);
      } else {
        const began = performance.now();
        const glide = (now) => {
          const f = Math.min(1, (now - began) / 1_000);
          place(L.latLng(from.lat + (to.lat - from.lat) * f, from.lng + (to.lng - from.lng) * f));
          if (f < 1) running = requestAnimationFrame(glide);
        };
        running = requestAnimationFrame(glide);
      }
      if (!from) {
        between.addTo(map);
        driver.addTo(map);
        if (!moved) fit(false);
      } else if (!moved && isOff(to)) {
        fit(true);
      }
    }

    const clear = () => between.setStyle({ color: colours().way });
    dark.addEventListener('change', clear);
    fit(false);
    ground.addTo(map);
    names.addTo(map);
    goal.addTo(map);
    box.append(again);
    map.on('dragstart', away);
    box.addEventListener('wheel', away, { passive: true });
    map.on('moveend', () => {
      name();
      worldToo();
    });
    new ResizeObserver(() => {
      map.invalidateSize({ animate: false });
      if (!moved) fit(false);
    }).observe(box);
    if (box.dataset.city) get('city', box.dataset.city).then(name, () => {}).then(worldToo);
    else worldToo();
    move();
    return { move, mark: (isOld) => driver.getElement()?.classList.toggle('old', isOld) };
  };
})();
