export { default as URL } from "core-js-pure/web/url.js";
export { default as URLSearchParams } from "core-js-pure/web/url-search-params.js";
