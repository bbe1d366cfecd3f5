// Does what it reads with the client library yanki-connect: {package, options, path, calls}, where
// each call is [group, action, parameters]. Prints a list of {result} or {error}.
import { pathToFileURL } from 'node:url';

let text = '';
for await (const part of process.stdin) text += part;
const { package: folder, options, path, calls } = JSON.parse(text);

const { YankiConnect } = await import(pathToFileURL(`${folder}/dist/index.js`).href);
// The library knows a host and a port; where there is a path too, its option for `fetch` adds it.
const adapter = path ? { fetchAdapter: (url, init) => fetch(url + path, init) } : {};
const client = new YankiConnect({ ...options, ...adapter });

const answers = [];
for (const [group, action, parameters] of calls) {
  try {
    answers.push({ result: await client[group][action](parameters ?? undefined) });
  } catch (error) {
    answers.push({ error: error.message });
  }
}
console.log(JSON.stringify(answers));
