// Shows /openapi.json readably: routes by service, with permission, parameters, bodies and answers. No dependency.
"use strict";

const DEPTH_MAX = 6;
let schemas = {};

function make(tag, attributes, ...children) {
  const node = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes || {})) node.setAttribute(name, value);
  for (const child of children) if (child !== null && child !== undefined && child !== "") node.append(child);
  return node;
}

// Prose with `code` in it, as nodes.
function prose(said) {
  return (said || "").split("`").map((part, index) => (index % 2 ? make("code", {}, part) : part));
}

function resolved(node) {
  const name = node && node.$ref ? node.$ref.split("/").pop() : null;
  return name && schemas[name] ? { ...schemas[name], title: name } : node || {};
}

// A schema as text: one line per field, "?" where it may be absent.
function text(node, indent, depth) {
  if (typeof node === "boolean") return node ? "any JSON" : "nothing";
  const schema = resolved(node);
  const some = schema.anyOf || schema.oneOf;
  if (some) return some.map((one) => text(one, indent, depth)).join(" or ");
  if ("const" in schema) return JSON.stringify(schema.const);
  if (schema.enum) return schema.enum.map((one) => JSON.stringify(one)).join(" | ");
  if (schema.type === "array") return "[" + text(schema.items, indent, depth) + ", …]" + bounds(schema);
  if (!schema.properties) {
    const values = typeof schema.additionalProperties === "object" ? schema.additionalProperties : null;
    return values ? "{name: " + text(values, indent, depth + 1) + "}" : (schema.type || "any JSON") + bounds(schema);
  }
  if (depth >= DEPTH_MAX) return schema.title || "object";
  const required = schema.required || [];
  const inner = indent + "  ";
  const lines = Object.entries(schema.properties).map(([name, field]) => {
    const about = resolved(field).description;
    const value = text(field, inner, depth + 1);
    return inner + name + (required.includes(name) ? "" : "?") + ": " + value + (about && !about.includes("\n") ? "   — " + about : "");
  });
  return "{\n" + lines.join("\n") + "\n" + indent + "}";
}

function bounds(schema) {
  const names = ["format", "pattern", "minimum", "maximum", "minLength", "maxLength", "minItems", "maxItems", "default"];
  const said = names.filter((name) => schema[name] !== undefined && schema[name] !== null);
  return said.length ? " (" + said.map((name) => name + " " + JSON.stringify(schema[name])).join(", ") + ")" : "";
}

function bodies(title, content) {
  return Object.entries(content || {}).flatMap(([type, { schema }]) => [
    make("h3", {}, title + " ", make("code", {}, type)),
    make("pre", { tabindex: "0" }, text(schema, "", 0)),
  ]);
}

function parameters(list) {
  if (!list || !list.length) return "";
  const rows = list.map((one) =>
    make("tr", {}, make("td", {}, make("code", {}, one.name), one.required ? " (required)" : ""), make("td", {}, one.in),
      make("td", {}, make("code", {}, text(one.schema, "", 0)), " ", ...prose(one.description))));
  const head = make("tr", {}, make("th", {}, "Parameter"), make("th", {}, "In"), make("th", {}, "Values"));
  return make("table", {}, make("thead", {}, head), make("tbody", {}, ...rows));
}

function answers(responses, shared) {
  return Object.entries(responses || {}).flatMap(([code, found]) => {
    const response = found.$ref ? shared[found.$ref.split("/").pop()] : found;
    const good = code.startsWith("2");
    return good && response.content ? bodies("Answer " + code, response.content)
      : [make("p", {}, make("strong", {}, code), " ", ...prose(response.description))];
  });
}

function route(path, method, operation, shared) {
  const needs = operation["x-permission"] || "public";
  const summary = make("summary", {}, make("code", { class: "method" }, method.toUpperCase()), make("code", {}, path),
    make("span", { class: "permission" }, needs), " " + (operation.summary || ""));
  const request = operation.requestBody ? bodies("Body", operation.requestBody.content) : [];
  const inside = make("div", {}, make("p", {}, ...prose(operation.description)), parameters(operation.parameters), ...request,
    ...answers(operation.responses, shared));
  const node = make("details", { class: "route", id: method + path.replace(/[^a-z0-9]+/gi, "-") }, summary, inside);
  node.dataset.find = (method + " " + path + " " + needs + " " + (operation.summary || "")).toLowerCase();
  return node;
}

function show(api) {
  schemas = api.components.schemas;
  document.getElementById("title").textContent = api.info.title + ": the API";
  document.getElementById("about").replaceChildren(...prose(api.info.description));
  const sections = api.tags.map((tag) => {
    const routes = Object.entries(api.paths).flatMap(([path, item]) => Object.entries(item)
      .filter(([, operation]) => operation.tags.includes(tag.name))
      .map(([method, operation]) => route(path, method, operation, api.components.responses)));
    return make("section", {}, make("h2", {}, tag.name), make("p", {}, ...prose(tag.description)), ...routes);
  });
  document.getElementById("routes").replaceChildren(...sections);
  if (location.hash) document.getElementById(location.hash.slice(1))?.setAttribute("open", "");
}

document.getElementById("find").addEventListener("input", (event) => {
  const words = event.target.value.toLowerCase().split(/\s+/);
  for (const node of document.querySelectorAll("details.route")) {
    node.hidden = !words.every((word) => node.dataset.find.includes(word));
  }
});

fetch("/openapi.json")
  .then((answer) => (answer.ok ? answer.json() : Promise.reject(new Error("answer " + answer.status))))
  .then(show)
  .catch((error) => document.getElementById("routes").replaceChildren(make("p", {}, "The document cannot be read: " + error.message)));
