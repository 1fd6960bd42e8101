// Mounts the page. Nothing else.

import './ui/styles/tokens.css'
import './ui/styles/base.css'

import { mount } from 'svelte'

import App from './ui/App.svelte'

const target = document.getElementById('app')
if (target) mount(App, { target })
