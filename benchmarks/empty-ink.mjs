/** What the first frame of the browser is held against: an Ink app that shows a word. */
import { render, Text } from "ink";
import { createElement } from "react";

render(createElement(Text, null, "ready"));
// Stays until it is ended, as the browser does.
setInterval(() => {}, 1_000_000);
