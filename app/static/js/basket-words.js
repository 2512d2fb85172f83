// The scan page's own words, apart from those that every page has.
import { word as said } from "./words.js";

export const word = (key, values) => said(`basket.${key}`, values);
