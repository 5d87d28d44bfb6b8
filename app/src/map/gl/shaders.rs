//! The shaders. Places come relative to an origin near the view; `u_scale` and
//! `u_shift` take them to CSS pixels of the canvas. Everything is CSS pixels until
//! the last line, so that a mark is as large on every screen.

/// Declarations that every vertex shader begins with.
pub const COMMON: &str = r"#version 300 es
precision highp float;
uniform float u_now;
uniform float u_scale;
uniform vec2 u_shift;
uniform vec2 u_canvas;
uniform float u_dpr;
float progress(vec2 time, float most) {
  float d = min(time.y, most);
  return d <= 0.0 ? 1.0 : clamp((u_now - time.x) / d, 0.0, 1.0);
}
vec2 place(vec2 from, vec2 to, vec2 time) {
  return mix(from, to, progress(time, 1e6)) * u_scale + u_shift;
}
vec4 clip(vec2 px) {
  vec2 c = px / u_canvas * 2.0 - 1.0;
  return vec4(c.x, -c.y, 0.0, 1.0);
}
";

pub const UNITS_VERTEX: &str = r"
layout(location = 0) in vec2 a_from;
layout(location = 1) in vec2 a_to;
layout(location = 2) in vec2 a_time;
layout(location = 3) in vec2 a_turn;
layout(location = 4) in vec2 a_kind;
layout(location = 5) in vec2 a_fan;
uniform float u_grow;
uniform bool u_small;
flat out int v_shape;
flat out int v_flags;
flat out vec2 v_turn;
flat out float v_half;
void main() {
  v_flags = int(a_kind.y + 0.5);
  if ((v_flags & 1) == 0) {
    gl_Position = vec4(2.0, 2.0, 2.0, 1.0);
    gl_PointSize = 1.0;
    return;
  }
  v_shape = int(a_kind.x + 0.5);
  // Crosses and diamonds have no front.
  float heading = v_shape >= 3 ? 0.0 : mix(a_turn.x, a_turn.y, progress(a_time, 0.35));
  v_turn = vec2(cos(heading), sin(heading));
  v_half = ((v_flags & 12) != 0 ? 23.0 : 14.0) * max(u_grow, (v_flags & 4) != 0 ? 1.0 : 0.0);
  if (u_small && (v_flags & 12) == 0) v_half = 4.5;
  gl_PointSize = v_half * 2.0 * u_dpr;
  gl_Position = clip(place(a_from, a_to, a_time) + a_fan);
}
";

/// The chosen units by signed distance, with their rings: crisp at any size.
/// Available: arrow, or dot. On task: disc with the arrow cut out. Stale: hollow
/// arrow, or ring. Offline: cross. SOS: diamond. All others are [`GLYPHS_FRAGMENT`],
/// as these sums are too many for ten thousand marks without a graphics card.
pub const UNITS_FRAGMENT: &str = r"#version 300 es
precision highp float;
flat in int v_shape;
flat in int v_flags;
flat in vec2 v_turn;
flat in float v_half;
uniform vec3 u_status[5];
uniform vec3 u_halo;
uniform vec3 u_accent;
uniform vec3 u_text;
uniform float u_dpr;
uniform float u_grow;
out vec4 colour;
float along(vec2 p, vec2 a, vec2 b) {
  vec2 ap = p - a, ab = b - a;
  return length(ap - ab * clamp(dot(ap, ab) / dot(ab, ab), 0.0, 1.0));
}
float cross2(vec2 a, vec2 b) { return a.x * b.y - a.y * b.x; }
float arrow(vec2 p) {
  p.x = abs(p.x);
  vec2 tip = vec2(0.0, -9.4), wing = vec2(6.6, 7.2), notch = vec2(0.0, 3.6);
  float d = min(along(p, tip, wing), along(p, wing, notch));
  bool inside = cross2(wing - tip, p - tip) > 0.0 && cross2(notch - wing, p - wing) > 0.0;
  return (inside ? -d : d) - 1.2;
}
void over(inout vec4 under, vec3 rgb, float a) {
  under = vec4(rgb * a, a) + under * (1.0 - a);
}
void main() {
  float grow = max(u_grow, (v_flags & 4) != 0 ? 1.0 : 0.0);
  float unit = 1.0 / (u_dpr * grow);
  vec2 p = (gl_PointCoord - 0.5) * 2.0 * v_half / grow;
  vec2 q = vec2(p.x * v_turn.x + p.y * v_turn.y, p.y * v_turn.x - p.x * v_turn.y);
  bool heading = (v_flags & 2) != 0;
  float r = length(p);
  if (r > ((v_flags & 12) != 0 ? 22.0 : 13.2)) discard;
  vec3 own = u_status[v_shape];
  vec4 c = vec4(0.0);
  #define COVER(d) clamp(0.5 - (d) / unit, 0.0, 1.0)
  if ((v_flags & 4) != 0) {
    over(c, u_accent, 0.16 * COVER(r - 18.5));
    over(c, u_halo, 0.75 * COVER(abs(r - 18.5) - 2.6));
    over(c, u_accent, COVER(abs(r - 18.5) - 1.4));
  } else if ((v_flags & 8) != 0) {
    over(c, u_text, 0.10 * COVER(r - 17.0));
    over(c, u_text, 0.75 * COVER(abs(r - 17.0) - 0.8));
  }
  if (v_shape == 0) {
    float d = heading ? arrow(q) : r - 6.2;
    over(c, u_halo, 0.95 * COVER(d - 1.9));
    over(c, own, COVER(d));
  } else if (v_shape == 1) {
    float d = r - 10.2;
    over(c, u_halo, 0.95 * COVER(d - 1.7));
    over(c, own, COVER(d));
    float hole = heading ? arrow(q * 1.42 + vec2(0.0, -0.6)) / 1.42 : r - 3.4;
    over(c, u_halo, COVER(hole));
  } else if (v_shape == 2) {
    float d = heading ? arrow(q) : r - 6.8;
    over(c, u_halo, 0.95 * COVER(d - 1.9));
    over(c, own, COVER(abs(d + 0.6) - 1.1));
  } else if (v_shape == 3) {
    float d = min(along(p, vec2(-4.6, -4.6), vec2(4.6, 4.6)), along(p, vec2(-4.6, 4.6), vec2(4.6, -4.6))) - 1.5;
    over(c, u_halo, 0.95 * COVER(d - 1.9));
    over(c, own, COVER(d));
  } else {
    float d = (abs(p.x) + abs(p.y) - 11.5) * 0.7071;
    over(c, u_halo, 0.95 * COVER(d - 1.9));
    over(c, own, COVER(d));
    over(c, u_halo, COVER(min(along(p, vec2(0.0, -4.6), vec2(0.0, 1.0)) - 1.2, length(p - vec2(0.0, 4.6)) - 1.4)));
  }
  if (c.a < 0.004) discard;
  colour = c;
}
";

/// Units from the sheet of marks, turned to their heading.
pub const GLYPHS_FRAGMENT: &str = r"#version 300 es
precision highp float;
flat in int v_shape;
flat in int v_flags;
flat in vec2 v_turn;
uniform sampler2D u_glyphs;
out vec4 colour;
void main() {
  vec2 p = gl_PointCoord - 0.5;
  vec2 q = vec2(p.x * v_turn.x + p.y * v_turn.y, p.y * v_turn.x - p.x * v_turn.y);
  float inside = step(max(abs(q.x), abs(q.y)), 0.5);
  vec2 cell = vec2(float(v_shape), (v_flags & 2) != 0 ? 0.0 : 1.0);
  colour = texture(u_glyphs, (cell + q + 0.5) / vec2(8.0, 2.0)) * inside;
}
";

/// Units by the thousand: only disc, square, ring and diamond, small and cheap.
pub const SMALL_FRAGMENT: &str = r"#version 300 es
precision highp float;
flat in int v_shape;
uniform vec3 u_status[5];
uniform vec3 u_halo;
uniform float u_dpr;
out vec4 colour;
void main() {
  vec2 p = (gl_PointCoord - 0.5) * 9.0;
  vec2 a = abs(p);
  float d = v_shape == 1 ? max(a.x, a.y) - 3.2 : v_shape == 3 ? (a.x + a.y) * 0.75 - 3.0 : length(p) - 3.5;
  float edge = clamp(0.5 - d * u_dpr, 0.0, 1.0);
  float inner = clamp(0.5 - (d + 1.0) * u_dpr, 0.0, 1.0);
  float hole = v_shape == 2 ? clamp(0.5 - (d + 2.2) * u_dpr, 0.0, 1.0) : 0.0;
  colour = vec4(mix(u_halo, u_status[v_shape], inner - hole) * edge, edge);
}
";

pub const MARKS_VERTEX: &str = r"
layout(location = 0) in vec2 a_from;
layout(location = 1) in vec2 a_to;
layout(location = 2) in vec2 a_time;
layout(location = 3) in vec2 a_shape;
layout(location = 4) in vec4 a_mix;
flat out float v_radius;
flat out int v_kind;
flat out vec4 v_mix;
void main() {
  v_radius = a_shape.x;
  v_kind = int(a_shape.y + 0.5);
  v_mix = a_mix;
  gl_PointSize = (v_radius + 4.0) * 2.0 * u_dpr;
  vec2 px = place(a_from, a_to, a_time);
  gl_Position = clip(a_time.y <= 0.0 ? floor(px * u_dpr + 0.5) / u_dpr : px);
}
";

/// Clusters: a disc ringed by its members' statuses.
pub const CLUSTERS_FRAGMENT: &str = r"#version 300 es
precision highp float;
flat in float v_radius;
flat in vec4 v_mix;
uniform vec3 u_status[5];
uniform vec3 u_halo;
uniform float u_dpr;
out vec4 colour;
void over(inout vec4 under, vec3 rgb, float a) {
  under = vec4(rgb * a, a) + under * (1.0 - a);
}
void main() {
  vec2 p = (gl_PointCoord - 0.5) * 2.0 * (v_radius + 4.0);
  float r = length(p);
  if (r > v_radius + 3.6) discard;
  float turn = atan(p.x, -p.y) / 6.2831853;
  turn = turn < 0.0 ? turn + 1.0 : turn;
  vec3 own = turn <= v_mix.x ? u_status[0] : turn <= v_mix.y ? u_status[1]
    : turn <= v_mix.z ? u_status[2] : u_status[3];
  vec4 c = vec4(0.0);
  over(c, u_halo, 0.55 * clamp((v_radius + 3.5 - r) / 3.0, 0.0, 1.0));
  over(c, u_halo, 0.94 * clamp(0.5 - (r - v_radius) * u_dpr, 0.0, 1.0));
  over(c, own, clamp(0.5 - (abs(r - v_radius + 2.2) - 1.6) * u_dpr, 0.0, 1.0));
  colour = c;
}
";

/// Station sites: a small square. Ends of a trail: a hollow and a full dot.
pub const MARKS_FRAGMENT: &str = r"#version 300 es
precision highp float;
flat in float v_radius;
flat in int v_kind;
uniform vec3 u_halo;
uniform vec3 u_accent;
uniform vec3 u_label;
uniform float u_dpr;
out vec4 colour;
void over(inout vec4 under, vec3 rgb, float a) {
  under = vec4(rgb * a, a) + under * (1.0 - a);
}
void main() {
  vec2 p = (gl_PointCoord - 0.5) * 2.0 * (v_radius + 4.0);
  float r = length(p);
  vec4 c = vec4(0.0);
  #define COVER(d) clamp(0.5 - (d) * u_dpr, 0.0, 1.0)
  if (v_kind == 1) {
    vec2 a = abs(p) - vec2(v_radius - 1.0);
    float d = length(max(a, 0.0)) + min(max(a.x, a.y), 0.0) - 1.0;
    over(c, u_halo, 0.9 * COVER(d - 1.3));
    over(c, mix(u_label, u_accent, 0.45), COVER(abs(d + 0.9) - 0.7));
  } else {
    over(c, u_halo, 0.95 * COVER(r - v_radius - 1.5));
    over(c, u_accent, COVER(r - v_radius));
    if (v_kind == 2) over(c, u_halo, COVER(r - v_radius + 2.2));
  }
  if (c.a < 0.004) discard;
  colour = c;
}
";

/// Pins of incidents (a round head) and orders (a square one), their tip at the place. Nobody
/// attends: a full head with a call sign. Somebody is on the way: a hollow one with a dot. Somebody
/// is there: a full one with a tick. A place that is being chosen: a cross.
pub const PINS_FRAGMENT: &str = r"#version 300 es
precision highp float;
flat in float v_radius;
flat in vec4 v_mix;
uniform vec3 u_priority[3];
uniform vec3 u_halo;
uniform vec3 u_accent;
uniform float u_dpr;
out vec4 colour;
void over(inout vec4 under, vec3 rgb, float a) {
  under = vec4(rgb * a, a) + under * (1.0 - a);
}
float along(vec2 p, vec2 a, vec2 b) {
  vec2 ap = p - a, ab = b - a;
  return length(ap - ab * clamp(dot(ap, ab) / dot(ab, ab), 0.0, 1.0));
}
float drop(vec2 p, float low, float high, float h) {
  p.x = abs(p.x);
  float b = (low - high) / h, a = sqrt(1.0 - b * b), k = dot(p, vec2(-b, a));
  if (k < 0.0) return length(p) - low;
  if (k > a * h) return length(p - vec2(0.0, h)) - high;
  return dot(p, vec2(a, b)) - low;
}
float block(vec2 p, float half_side) {
  vec2 a = abs(p) - half_side + 2.0;
  return length(max(a, 0.0)) + min(max(a.x, a.y), 0.0) - 2.0;
}
void main() {
  vec2 p = (gl_PointCoord - 0.5) * 2.0 * (v_radius + 4.0);
  // The tip at the origin, the head above it.
  vec2 q = vec2(p.x, -p.y), h = q - vec2(0.0, 17.0);
  ivec4 said = ivec4(v_mix * 255.0 + 0.5);
  vec3 own = u_priority[clamp(said.y, 0, 2)];
  float head = said.z == 1 ? block(h, 9.0) : length(h) - 9.6;
  float d = min(head, drop(q, 0.7, said.z == 1 ? 6.0 : 9.6, 17.0));
  vec4 c = vec4(0.0);
  #define COVER(d) clamp(0.5 - (d) * u_dpr, 0.0, 1.0)
  if (said.w == 1) {
    over(c, u_accent, 0.18 * COVER(length(h) - 15.0));
    over(c, u_halo, 0.75 * COVER(abs(length(h) - 15.0) - 2.4));
    over(c, u_accent, COVER(abs(length(h) - 15.0) - 1.3));
  }
  over(c, u_halo, 0.95 * COVER(d - 1.8));
  over(c, own, COVER(d));
  if (said.x == 0) {
    over(c, u_halo, COVER(min(along(h, vec2(0.0, 4.6), vec2(0.0, -0.4)) - 1.3, length(h + vec2(0.0, 4.4)) - 1.6)));
  } else if (said.x == 1) {
    over(c, u_halo, COVER(head + 2.6));
    over(c, own, COVER(length(h) - 3.0));
  } else if (said.x == 4) {
    over(c, u_halo, COVER(min(along(h, vec2(0.0, 4.6), vec2(0.0, -4.6)), along(h, vec2(4.6, 0.0), vec2(-4.6, 0.0))) - 1.2));
  } else {
    over(c, u_halo, COVER(min(along(h, vec2(-4.4, 0.2), vec2(-1.2, -3.2)), along(h, vec2(-1.2, -3.2), vec2(4.6, 3.4))) - 1.4));
  }
  if (c.a < 0.004) discard;
  colour = c;
}
";

/// A dashed line from a unit to where it is sent.
pub const LINKS_FRAGMENT: &str = r"#version 300 es
precision highp float;
in vec2 v_at;
in float v_age;
flat in float v_length;
uniform vec3 u_priority[3];
uniform vec3 u_halo;
uniform float u_dpr;
out vec4 colour;
void main() {
  float dash = abs(mod(v_at.x, 11.0) - 3.5) - 3.0;
  float d = max(max(dash, abs(v_at.y) - 1.1), max(-v_at.x, v_at.x - v_length));
  float own = clamp(0.5 - d * u_dpr, 0.0, 1.0);
  float halo = 0.85 * clamp(0.5 - (d - 1.3) * u_dpr, 0.0, 1.0);
  float a = own + halo * (1.0 - own);
  if (a < 0.004) discard;
  colour = vec4(u_priority[clamp(int(v_age + 0.5), 0, 2)] * own + u_halo * halo * (1.0 - own), a);
}
";

pub const SPRITES_VERTEX: &str = r"
layout(location = 0) in vec2 a_from;
layout(location = 1) in vec2 a_to;
layout(location = 2) in vec2 a_time;
layout(location = 3) in vec4 a_box;
layout(location = 4) in vec4 a_area;
uniform float u_side;
out vec2 v_uv;
void main() {
  vec2 corner = vec2(float(gl_VertexID & 1), float(gl_VertexID >> 1));
  vec2 top_left = place(a_from, a_to, a_time) + a_box.xy;
  // On whole pixels words are sharp, also those that move.
  top_left = floor(top_left * u_dpr + 0.5) / u_dpr;
  v_uv = (a_area.xy + corner * a_area.zw) / u_side;
  gl_Position = clip(top_left + corner * a_box.zw);
}
";

pub const SPRITES_FRAGMENT: &str = r"#version 300 es
precision highp float;
in vec2 v_uv;
uniform sampler2D u_words;
out vec4 colour;
void main() {
  colour = texture(u_words, v_uv);
}
";

pub const TRAIL_VERTEX: &str = r"
layout(location = 0) in vec3 a_a;
layout(location = 1) in vec3 a_b;
uniform float u_half;
out vec2 v_at;
flat out float v_length;
out float v_age;
void main() {
  vec2 a = a_a.xy * u_scale + u_shift, b = a_b.xy * u_scale + u_shift;
  float len = length(b - a);
  vec2 along = len > 0.0 ? (b - a) / len : vec2(1.0, 0.0);
  vec2 corner = vec2(float(gl_VertexID & 1), float(gl_VertexID >> 1) * 2.0 - 1.0);
  float reach = u_half + 1.0;
  v_at = vec2(corner.x * (len + 2.0 * reach) - reach, corner.y * reach);
  v_length = len;
  v_age = mix(a_a.z, a_b.z, corner.x);
  gl_Position = clip(a + along * v_at.x + vec2(-along.y, along.x) * v_at.y);
}
";

/// One piece of the trail: a line with round ends, paler the older it is.
pub const TRAIL_FRAGMENT: &str = r"#version 300 es
precision highp float;
in vec2 v_at;
in float v_age;
flat in float v_length;
uniform float u_half;
uniform float u_dpr;
uniform vec3 u_old;
uniform vec3 u_new;
out vec4 colour;
void main() {
  float d = length(vec2(v_at.x - clamp(v_at.x, 0.0, v_length), v_at.y)) - u_half;
  float a = clamp(0.5 - d * u_dpr, 0.0, 1.0);
  if (a < 0.004) discard;
  colour = vec4(mix(u_old, u_new, v_age) * a, a);
}
";
