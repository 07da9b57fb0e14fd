/**
 * A URL as OpenKAT stores it: absolute, of any scheme, serialised as the WHATWG URL standard says. Null when
 * it is none.
 */
export function normaliseUrl(text: string): string | null {
  const url = URL.parse(text);
  if (url === null) return null;
  return text.includes("^") ? keepCarets(text) : url.href;
}

/**
 * The standard has percent-encoded `^` in paths since 2023; OpenKAT's parser does not. A word stands in for
 * it while the URL is parsed. No host has one: both parsers refuse that.
 */
function keepCarets(text: string): string | null {
  let word = "caret";
  while (text.includes(word)) word += "t";
  const url = URL.parse(text.replaceAll("^", word));
  if (url === null) return null;
  const userInfoEnd = url.username + url.password === "" ? 0 : url.href.indexOf("@");
  return (
    url.href.slice(0, userInfoEnd).replaceAll(word, "%5E") + url.href.slice(userInfoEnd).replaceAll(word, "^")
  );
}
