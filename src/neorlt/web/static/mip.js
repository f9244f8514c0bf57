// Maximum-intensity projection around the head-foot axis, from the page's own NIfTI files (16 bits, one scale, an sform).
export async function readVolume(url) {
  const answer = await fetch(url);
  if (!answer.ok) throw new Error(`image ${answer.status}`);
  const bytes = await new Response(answer.body.pipeThrough(new DecompressionStream("gzip"))).arrayBuffer();
  const head = new DataView(bytes);
  const shape = [1, 2, 3].map((i) => head.getInt16(40 + 2 * i, true));
  const rows = [0, 1, 2].map((r) => [0, 1, 2, 3].map((c) => head.getFloat32(280 + 16 * r + 4 * c, true)));
  return { shape, rows, slope: head.getFloat32(112, true), data: new Int16Array(bytes, 352) };
}

function inverse(rows) {
  const [[a, b, c, x], [d, e, f, y], [g, h, i, z]] = rows;
  const det = a * (e * i - f * h) - b * (d * i - f * g) + c * (d * h - e * g);
  const m = [[e * i - f * h, c * h - b * i, b * f - c * e], [f * g - d * i, a * i - c * g, c * d - a * f], [d * h - e * g, b * g - a * h, a * e - b * d]]
    .map((row) => row.map((v) => v / det));
  return m.map((row) => [...row, -(row[0] * x + row[1] * y + row[2] * z)]);
}

const toMm = (rows, [i, j, k]) => rows.map((r) => r[0] * i + r[1] * j + r[2] * k + r[3]);

// Right-anterior-superior axes. From the front (0 degrees) the patient's left is on the right of the picture.
export function geometry(volume, degrees) {
  const angle = (degrees * Math.PI) / 180, into = [Math.sin(angle), -Math.cos(angle), 0], right = [-Math.cos(angle), -Math.sin(angle), 0];
  const ends = volume.shape.map((n) => [-0.5, n - 0.5]);
  const corners = ends[0].flatMap((i) => ends[1].flatMap((j) => ends[2].map((k) => toMm(volume.rows, [i, j, k]))));
  const low = [0, 1, 2].map((a) => Math.min(...corners.map((p) => p[a]))), high = [0, 1, 2].map((a) => Math.max(...corners.map((p) => p[a])));
  const centre = low.map((v, a) => (v + high[a]) / 2), radius = Math.hypot(high[0] - low[0], high[1] - low[1]) / 2;
  const step = Math.max((high[2] - low[2]) / 160, (2 * radius) / 160, 2);
  return { into, right, centre, radius, step, width: Math.ceil((2 * radius) / step), height: Math.ceil((high[2] - low[2]) / step), top: high[2] };
}

export function project(volume, degrees) {
  const g = geometry(volume, degrees), inv = inverse(volume.rows), [nx, ny, nz] = volume.shape, { data } = volume;
  const values = new Float32Array(g.width * g.height), depth = new Float32Array(g.width * g.height);
  const steps = Math.ceil((2 * g.radius) / g.step), move = inv.map((r) => (r[0] * g.into[0] + r[1] * g.into[1]) * g.step);
  for (let row = 0; row < g.height; row++) {
    for (let column = 0; column < g.width; column++) {
      const across = (column + 0.5) * g.step - g.radius;
      const start = [g.centre[0] + across * g.right[0] - g.radius * g.into[0], g.centre[1] + across * g.right[1] - g.radius * g.into[1], g.top - (row + 0.5) * g.step];
      let [i, j, k] = inv.map((r) => r[0] * start[0] + r[1] * start[1] + r[2] * start[2] + r[3] + 0.5);
      let best = 0, at = 0;
      for (let s = 0; s < steps; s++, i += move[0], j += move[1], k += move[2]) {
        if (i < 0 || j < 0 || k < 0 || i >= nx || j >= ny || k >= nz) continue;
        const value = data[(i | 0) + nx * ((j | 0) + ny * (k | 0))];
        if (value > best) { best = value; at = s; }
      }
      values[row * g.width + column] = best * volume.slope;
      depth[row * g.width + column] = at * g.step;
    }
  }
  return { ...g, values, depth };
}

// Where the brightest point behind a pixel lies, in right-anterior-superior millimetres.
export function placeBehind(picture, column, row) {
  const across = (column + 0.5) * picture.step - picture.radius, along = picture.depth[row * picture.width + column] - picture.radius;
  return [0, 1, 2].map((a) => (a === 2 ? picture.top - (row + 0.5) * picture.step : picture.centre[a] + across * picture.right[a] + along * picture.into[a]));
}

export function letters(right) {
  const name = (x, y) => (Math.abs(x) >= Math.abs(y) ? (x > 0 ? "R" : "L") : y > 0 ? "A" : "P");
  return [name(-right[0], -right[1]), name(right[0], right[1])];
}

export function paint(canvas, picture, lut, low, high) {
  canvas.width = picture.width;
  canvas.height = picture.height;
  const context = canvas.getContext("2d"), image = context.createImageData(picture.width, picture.height);
  picture.values.forEach((value, p) => {
    const q = 4 * Math.max(0, Math.min(255, Math.round((255 * (value - low)) / (high - low || 1))));
    const light = lut[q + 3] / 255;
    image.data.set([lut[q] * light, lut[q + 1] * light, lut[q + 2] * light, 255], 4 * p);
  });
  context.putImageData(image, 0, 0);
}
