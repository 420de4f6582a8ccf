"use strict";

const CHARTS_PERIOD = 2000; // milliseconds
const XML = new DOMParser();

/* An SVG of ours as an element; text that is none becomes nothing. */
function drawing(svg) {
  const root = XML.parseFromString(svg, "image/svg+xml").documentElement;
  return root.localName === "svg" ? [document.importNode(root, true)] : [];
}

function offerServices(names) {
  const select = place("charted");
  const known = Array.from(select.options, (option) => option.value);
  if (known.join() === names.join()) return;
  const chosen = select.value;
  select.replaceChildren(...names.map((name) => new Option(name, name, false, name === chosen)));
}

async function drawGraph() {
  const answer = await ask("/api/graph.svg").then((response) => response.json());
  place("graph").replaceChildren(...drawing(answer.svg));
}

async function drawCharts() {
  const service = place("charted").value;
  if (!service) return;
  const answer = await ask(`/api/charts/${encodeURIComponent(service)}`).then((response) => response.json());
  place("charts").replaceChildren(...answer.charts.flatMap(drawing));
}

async function draw() {
  for (const one of [drawGraph, drawCharts]) {
    try {
      await one();
    } catch (error) {
      console.debug(error.message); // what is wrong is told by the other script
    }
  }
  setTimeout(draw, CHARTS_PERIOD);
}

addEventListener("load", () => {
  place("charted").addEventListener("change", drawCharts);
  draw();
});
