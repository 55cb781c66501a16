// The networks of stored runs, in plain JavaScript.

const exonNetworks = (() => {
  // One MNIST run: its networks, and the codes of some test images.
  function mnist(content) {
    const { data, unit, count } = content;
    const read = (place) => layer(data, place);
    return {
      decoder: content.decoder.map(read),
      classifier: content.classifier.map(read),
      codes: Float32Array.from(new Int16Array(data, content.codes, 2 * count), (v) => v * unit),
      labels: new Uint8Array(data, content.labels, count),
    };
  }

  // The decoder of a CIFAR-10 run, V-nat by class and dimension, and the codes and the pixels of some test images.
  function cifar10(content) {
    const { data, images, classes, dimensions } = content;
    const count = images * classes.length;
    const row = (_, label) => new Float32Array(data, content.v_nat + 4 * label * dimensions, dimensions);
    return {
      classes,
      images,
      dimensions,
      vNat: classes.map(row),
      decoder: content.decoder.map((place) => layer(data, place)),
      codes: new Float32Array(data, content.codes, count * dimensions),
      originals: new Uint8Array(data, content.originals, count * 3 * 32 * 32),
    };
  }

  // A layer's weights: as they are, or integers of twelve bits, each row with a scale of its own.
  function layer(data, { shape, stride, scale, weight, bias }) {
    const rows = shape[0];
    const columns = shape.slice(1).reduce((product, size) => product * size, 1);
    let values;
    if (scale === undefined) values = new Float32Array(data, weight, rows * columns);
    else {
      const scales = new Float32Array(data, scale, rows);
      values = integers(data, weight, rows * columns).map((v, i) => v * scales[(i / columns) | 0]);
    }
    return { shape, stride, weight: values, bias: new Float32Array(data, bias, rows) };
  }

  // Two integers in three bytes: the low eight bits of the first, its high four below the low four of the second, the rest.
  function integers(data, place, count) {
    const bytes = new Uint8Array(data, place, 3 * ((count + 1) >> 1));
    const values = new Float32Array(count);
    for (let i = 0, at = 0; i < count; i += 2, at += 3) {
      values[i] = ((bytes[at] | (bytes[at + 1] << 8)) << 20) >> 20;
      if (i + 1 < count) values[i + 1] = (((bytes[at + 1] >> 4) | (bytes[at + 2] << 4)) << 20) >> 20;
    }
    return values;
  }

  // D(z): pixels in [-1, 1], 3 x 32 x 32, channel by channel.
  function decodeImage(decoder, z) {
    let maps = relu(dense(decoder[0], z));
    let side = 4;
    for (const up of decoder.slice(1, -1)) {
      maps = relu(upsample(up, maps, side));
      side *= up.stride;
    }
    return convolve(decoder.at(-1), maps, side).map(Math.tanh);
  }

  // D(z): pixels in [-1, 1], 28 x 28, row by row.
  function decode(run, z) {
    const [first, second, last] = run.decoder;
    const hidden = relu(dense(second, relu(dense(first, z))));
    return dense(last, hidden).map(Math.tanh);
  }

  // Such an image, to be put on a canvas.
  function picture(image) {
    const pixels = new ImageData(28, 28);
    image.forEach((value, i) => pixels.data.set([0, 0, 0, 255].fill((value + 1) * 127.5, 0, 3), 4 * i));
    return pixels;
  }

  // The classifier's probabilities of the ten labels for an image of 28 x 28 pixels.
  function classify(run, image) {
    let maps = image;
    let side = 28;
    for (const block of run.classifier.slice(0, 3)) {
      maps = pool(convolve(block, maps, side), block.shape[0], side);
      side >>= 1;
      for (let i = 0; i < maps.length; i++) if (maps[i] < 0) maps[i] *= 0.1;
    }
    const channels = run.classifier[2].shape[0];
    const area = side * side;
    const means = new Float32Array(channels);
    for (let c = 0; c < channels; c++) {
      let sum = 0;
      for (let i = 0; i < area; i++) sum += maps[c * area + i];
      means[c] = sum / area;
    }
    return softmax(dense(run.classifier[4], relu(dense(run.classifier[3], means))));
  }

  function dense({ shape: [rows, columns], weight, bias }, x) {
    const y = new Float32Array(rows);
    for (let i = 0; i < rows; i++) {
      let sum = bias[i];
      for (let j = 0, at = i * columns; j < columns; j++) sum += weight[at + j] * x[j];
      y[i] = sum;
    }
    return y;
  }

  function relu(x) {
    for (let i = 0; i < x.length; i++) if (x[i] < 0) x[i] = 0;
    return x;
  }

  // Transposed convolution as Keras pads it: (channels in, side, side) -> (channels out, stride * side, stride * side).
  function upsample({ shape: [outputs, inputs, kernel], stride, weight, bias }, x, side) {
    const cut = (kernel - stride) >> 1;
    const wide = stride * side;
    const y = new Float32Array(outputs * wide * wide);
    for (let o = 0; o < outputs; o++) {
      const target = y.subarray(o * wide * wide, (o + 1) * wide * wide).fill(bias[o]);
      for (let i = 0; i < inputs; i++) {
        const source = x.subarray(i * side * side, (i + 1) * side * side);
        for (let ky = 0; ky < kernel; ky++) {
          for (let kx = 0; kx < kernel; kx++) {
            const w = weight[((o * inputs + i) * kernel + ky) * kernel + kx];
            for (let row = 0; row < side; row++) {
              const to = stride * row + ky - cut;
              if (to < 0 || to >= wide) continue;
              for (let column = 0; column < side; column++) {
                const at = stride * column + kx - cut;
                if (at >= 0 && at < wide) target[to * wide + at] += w * source[row * side + column];
              }
            }
          }
        }
      }
    }
    return y;
  }

  // Stride 1, zeros around the image: (channels in, side, side) -> (channels out, side, side).
  function convolve({ shape: [outputs, inputs, kernel], weight, bias }, x, side) {
    const reach = (kernel - 1) >> 1;
    const area = side * side;
    const y = new Float32Array(outputs * area);
    for (let o = 0; o < outputs; o++) {
      const target = y.subarray(o * area, (o + 1) * area).fill(bias[o]);
      for (let i = 0; i < inputs; i++) {
        const source = x.subarray(i * area, (i + 1) * area);
        for (let ky = 0; ky < kernel; ky++) {
          for (let kx = 0; kx < kernel; kx++) {
            const w = weight[((o * inputs + i) * kernel + ky) * kernel + kx];
            const dy = ky - reach;
            const dx = kx - reach;
            const left = Math.max(0, -dx);
            const right = side - Math.max(0, dx);
            for (let row = Math.max(0, -dy); row < side - Math.max(0, dy); row++) {
              const from = (row + dy) * side + dx;
              const to = row * side;
              for (let column = left; column < right; column++) target[to + column] += w * source[from + column];
            }
          }
        }
      }
    }
    return y;
  }

  // The largest of each 2 x 2 square; a last odd row or column is left out.
  function pool(x, channels, side) {
    const half = side >> 1;
    const y = new Float32Array(channels * half * half);
    for (let c = 0; c < channels; c++) {
      for (let row = 0; row < half; row++) {
        for (let column = 0; column < half; column++) {
          const at = c * side * side + 2 * row * side + 2 * column;
          y[(c * half + row) * half + column] = Math.max(x[at], x[at + 1], x[at + side], x[at + side + 1]);
        }
      }
    }
    return y;
  }

  function softmax(x) {
    const largest = Math.max(...x);
    const y = x.map((v) => Math.exp(v - largest));
    const sum = y.reduce((a, b) => a + b, 0);
    return y.map((v) => v / sum);
  }

  return { mnist, cifar10, decode, picture, classify, decodeImage };
})();
