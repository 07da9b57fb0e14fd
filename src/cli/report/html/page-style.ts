/** Colours are pairs for light and dark; contrasts of text are at least 4.5 to 1 (WCAG 2.2, 1.4.3). */
export const STYLE = `
:root {
  color-scheme: light dark;
  --paper: light-dark(#fbfaf7, #15171a);
  --card: light-dark(#ffffff, #1c1f24);
  --ink: light-dark(#1d2126, #e6e4df);
  --quiet: light-dark(#5b636d, #9aa3ad);
  --line: light-dark(#e3dfd6, #30353c);
  --link: light-dark(#0b5cad, #7db8f5);
  --good: light-dark(#1d6b3a, #6fcf97);
  --bad: light-dark(#a8201a, #ff8a80);
  --warn: light-dark(#8a5a00, #f2c14e);
  --hit: light-dark(#fff0b8, #4a3f10);
  --node: light-dark(#eef3f8, #232b34);
  --finding: light-dark(#fdebe9, #3a2322);
  --mono: ui-monospace, "SF Mono", Menlo, Consolas, "DejaVu Sans Mono", monospace;
}
* { box-sizing: border-box; }
body { margin: 0; background: var(--paper); color: var(--ink); font: 15px/1.5 system-ui, "Segoe UI", "DejaVu Sans", sans-serif; }
header.page, section.run { max-width: 1500px; margin: 0 auto; padding: 1.2rem 1.5rem; }
h1 { font-size: 1.35rem; margin: 0 0 .3rem; overflow-wrap: anywhere; }
h2 { font-size: 1.05rem; margin: 0 0 .6rem; }
h3 { font-size: .95rem; margin: 1rem 0 .4rem; }
a { color: var(--link); text-underline-offset: .15em; }
a:focus-visible, summary:focus-visible, input:focus-visible, [tabindex]:focus-visible { outline: 2px solid var(--link); outline-offset: 2px; border-radius: 3px; }
.quiet { color: var(--quiet); }
.badge { display: inline-block; padding: .05rem .6rem; border-radius: 1rem; border: 1px solid currentColor; font-size: .85rem; font-weight: 600; vertical-align: .12em; }
.succeeded { color: var(--good); }
.failed { color: var(--bad); }
.counts { display: flex; flex-wrap: wrap; gap: .3rem 1.4rem; margin: .5rem 0 0; padding: 0; list-style: none; color: var(--quiet); }
.counts b { color: var(--ink); font-variant-numeric: tabular-nums; }
.card { background: var(--card); border: 1px solid var(--line); border-radius: 8px; padding: 1rem 1.1rem; margin-top: 1rem; }
.beside { display: grid; grid-template-columns: minmax(0, 2fr) minmax(0, 3fr); gap: 1rem; align-items: start; }
.raw-card { position: sticky; top: 1rem; }
.raw-pane { overflow: auto; max-height: calc(100vh - 8rem); border-top: 1px solid var(--line); position: relative; }
ol.raw { margin: 0; padding: .4rem 0 .4rem 3.6rem; font: 12.5px/1.5 var(--mono); }
ol.raw li { white-space: pre-wrap; overflow-wrap: anywhere; padding: 0 .3rem; }
ol.raw li::marker { color: var(--quiet); font-size: 11px; }
.hit { background: var(--hit); }
pre { margin: .4rem 0; font: 12.5px/1.5 var(--mono); white-space: pre-wrap; overflow-wrap: anywhere; }
table { border-collapse: collapse; width: 100%; font-size: .9rem; }
th, td { text-align: left; vertical-align: top; padding: .3rem .6rem .3rem 0; border-top: 1px solid var(--line); overflow-wrap: anywhere; }
thead th, .rejections td:nth-child(-n + 2), td:has(> .severity) { white-space: nowrap; }
h2 .quiet { font-weight: 400; font-size: .9rem; }
thead th { border-top: 0; color: var(--quiet); font-weight: 500; }
tr.object > th { font-weight: 600; width: 38%; }
tr.object > th a { color: inherit; text-decoration: none; }
tr.object:hover, tr.chosen { background: var(--hit); }
tr.object:target { outline: 2px solid var(--link); outline-offset: -2px; }
.fields { display: grid; grid-template-columns: max-content minmax(0, 1fr); gap: 0 .7rem; margin: 0; }
.fields dt { color: var(--quiet); }
.fields dd { margin: 0; overflow-wrap: anywhere; }
details.type { content-visibility: auto; contain-intrinsic-size: auto 3rem; border-top: 1px solid var(--line); padding: .4rem 0; }
summary { cursor: pointer; font-weight: 600; }
summary .quiet { font-weight: 400; }
.filter { font: inherit; width: 100%; padding: .35rem .6rem; margin: .2rem 0 .4rem; border: 1px solid var(--line); border-radius: 6px; background: var(--paper); color: var(--ink); }
.severity { font-weight: 700; text-transform: uppercase; font-size: .75rem; letter-spacing: .04em; }
.critical, .high { color: var(--bad); }
.medium { color: var(--warn); }
.low, .recommendation { color: var(--link); }
.graph { overflow: auto; max-height: 80vh; }
svg { display: block; font-family: inherit; }
svg text { fill: var(--ink); font-size: 12px; }
svg .kind { fill: var(--quiet); font-size: 10px; }
svg rect.node { fill: var(--node); stroke: var(--line); }
svg rect.finding { fill: var(--finding); }
svg rect.elsewhere { fill: none; stroke-dasharray: 4 3; }
svg path.edge { fill: none; stroke: var(--quiet); stroke-opacity: .55; }
svg path.head { fill: var(--quiet); }
svg a:focus-visible rect { stroke: var(--link); stroke-width: 2; }
svg.profile { max-width: 100%; }
svg.profile rect { fill: var(--node); stroke: var(--line); }
svg.profile rect.odd { fill: var(--finding); }
svg.profile rect.whole { fill: none; }
.level-error { color: var(--bad); }
.level-warning { color: var(--warn); }
.mono { font-family: var(--mono); font-size: .85em; }
@media (max-width: 900px) { .beside { grid-template-columns: minmax(0, 1fr); } .raw-card { position: static; } .raw-pane { max-height: 40vh; } }
@media print { .raw-card { position: static; } .raw-pane, .graph { max-height: none; } .filter { display: none; } }
`;
