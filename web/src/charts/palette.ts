/** Colours of charts, told apart with colour-blind eyes too and readable on both backgrounds. */
export interface Palette {
  text: string;
  faint: string;
  line: string;
  page: string;
  actual: string;
  demand: string;
  forecast: string;
  band: [string, string, string];
  /** The bands in the legend, where one doesn't lie over another. */
  bandMark: [string, string, string];
  stockOut: string;
  promotion: string;
  festival: string;
  override: string;
  without: string;
  drivers: string[];
}

const LIGHT: Palette = {
  text: "#3a4653",
  faint: "#d5dbe1",
  line: "#8d99a6",
  page: "#ffffff",
  actual: "#33414e",
  demand: "#b06a00",
  forecast: "#0b7a6b",
  band: ["rgba(11,122,107,0.13)", "rgba(11,122,107,0.20)", "rgba(11,122,107,0.30)"],
  bandMark: ["#d4e8e5", "#a9d2cc", "#74b5ab"],
  stockOut: "#c62f2f",
  promotion: "#7a4fc9",
  festival: "#c77700",
  override: "#1f6fd1",
  without: "#b0453a",
  drivers: [
    "#0b7a6b",
    "#c77700",
    "#7a4fc9",
    "#1f6fd1",
    "#b0453a",
    "#5f8a1c",
    "#b03a83",
    "#4d7f8f",
    "#8a6d3b",
    "#7d8894",
  ],
};

const DARK: Palette = {
  text: "#d3dae2",
  faint: "#37424e",
  line: "#8b98a6",
  page: "#161d26",
  actual: "#dfe6ec",
  demand: "#f2b35c",
  forecast: "#4fd0bb",
  band: ["rgba(79,208,187,0.14)", "rgba(79,208,187,0.22)", "rgba(79,208,187,0.34)"],
  bandMark: ["#274a4d", "#336d6b", "#42968c"],
  stockOut: "#ff7b76",
  promotion: "#b99bff",
  festival: "#ffb454",
  override: "#6fb1ff",
  without: "#ff9a8d",
  drivers: [
    "#4fd0bb",
    "#ffb454",
    "#b99bff",
    "#6fb1ff",
    "#ff9a8d",
    "#a5d45f",
    "#f08bc9",
    "#8cc3d3",
    "#d3b47c",
    "#a6b1bd",
  ],
};

export function paletteOf(dark: boolean): Palette {
  return dark ? DARK : LIGHT;
}
